"""A zstd file as a binary stream that notices when it was cut off.

`zstandard`'s own reader ends quietly at the end of a truncated file; half a corpus would then pass for all.
"""

from __future__ import annotations

import io
from typing import IO, Any

import zstandard

_CHUNK = 1 << 17
_BLOCKS = 1 << 18  # room for two of zstd's blocks: with less it takes twice the time, over a buffer of its own


class ZstdReader(io.RawIOBase):
    """Decompresses one or several concatenated zstd frames.

    Args:
        file: the compressed file, opened in binary; closed together with this stream.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._compressed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as possible and return how many bytes there were, 0 at the end.

        Raises:
            EOFError: the file ends inside a frame.
            zstandard.ZstdError: the data are not zstd.
        """
        while not self._ready:
            data = self._compressed or self._file.read(_CHUNK)
            if not data:
                if self._frame is not None:
                    raise EOFError("the file ends before the end of the zstd stream")
                return 0
            self._decompress(data)
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def close(self) -> None:
        """Close the compressed file too."""
        self._file.close()
        super().close()

    def _decompress(self, data: bytes) -> None:
        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor().decompressobj(write_size=_BLOCKS)
        self._ready = memoryview(self._frame.decompress(data))
        self._compressed = b""
        if self._frame.eof:
            self._compressed = self._frame.unused_data
            self._frame = None
