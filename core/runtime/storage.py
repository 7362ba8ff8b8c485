"""Files wherever they are: on disk, in memory, in S3, and in all other storages that fsspec has.

A place is a URL (`file://...`, `memory://...`, `s3://...`) or a plain path, in which a `~` at the beginning is the
user's home. Credentials and endpoints come from the environment, as the storage's own library reads them (for S3
`AWS_ENDPOINT_URL` and the like), never from the program.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from orepass.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

Place = str | os.PathLike[str]

_CHUNK = 4 * 2**20  # of a file that is copied, in bytes
_PLAIN = ("file://", "/", "~", ".")
_EXTRAS = {"s3": "s3", "s3a": "s3"}  # of this package, by protocol


def open(url: Place, mode: str = "r", **options: Any) -> IO[Any]:
    """Open a file; on disk, writing makes the folders above it.

    Args:
        url: where it is.
        mode: as for Python's own `open`: `r`, `rb`, `w`, `wb`, ...
        **options: what `fsspec.AbstractFileSystem.open` takes, such as `encoding` (UTF-8, if not given) or
            `compression="infer"`.

    Raises:
        ConfigError: no storage has such URLs, or the package that it needs is not installed.
        OSError: the file cannot be opened, such as FileNotFoundError.
    """
    storage, path = _find(url)
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    if not mode.startswith("r"):
        _make_parent(storage, path)
    file: IO[Any] = storage.open(path, mode, **options)
    return file


def exists(url: Place) -> bool:
    """Whether there is a file or a folder.

    Raises:
        ConfigError: no storage has such URLs, or the package that it needs is not installed.
    """
    storage, path = _find(url)
    return bool(storage.exists(path))


def listdir(url: Place) -> list[str]:
    """The names of what is in a folder, sorted.

    Raises:
        ConfigError: no storage has such URLs, or the package that it needs is not installed.
        OSError: it cannot be listed, such as FileNotFoundError or NotADirectoryError.
    """
    storage, path = _find(url)
    if storage.isfile(path):
        raise NotADirectoryError(f"{os.fspath(url)} is a file. Give the folder that it is in.")
    inside = [name.rstrip("/") for name in storage.ls(path, detail=False)]
    # Object stores may have an empty object that stands for the folder itself.
    return sorted(name.rpartition("/")[2] for name in inside if name != path.rstrip("/"))


def touch(url: Place) -> None:
    """Make an empty file, and on disk the folders above it; what is there already stays as it is.

    Raises:
        ConfigError: no storage has such URLs, or the package that it needs is not installed.
        OSError: it cannot be made.
    """
    storage, path = _find(url)
    if not storage.exists(path):
        _make_parent(storage, path)
        storage.touch(path)


def copy(source: Place, target: Place) -> None:
    """Copy what is in a file or a folder, also from one storage to another.

    A file is copied to `target`, or into it if that is a folder or ends with `/`. What is in a folder is copied into
    the folder `target`, so the same call twice has the result of one; folders without files are left out. Files that
    are there are replaced.

    Raises:
        ConfigError: no storage has such URLs, the package that it needs is not installed, or both are the same.
        OSError: something cannot be read or written, such as FileNotFoundError.
    """
    storage, path = _find(source)
    to, to_path = _find(target)
    if storage.isfile(path):
        if os.fspath(target).endswith("/") or to.isdir(to_path):
            to_path = f"{to_path.rstrip('/')}/{path.rpartition('/')[2]}"
        return _copy_file(storage, path, to, to_path)
    if not storage.exists(path):
        raise FileNotFoundError(f"There is no {os.fspath(source)}.")
    if to.isfile(to_path):
        raise NotADirectoryError(f"{os.fspath(source)} is a folder and {os.fspath(target)} a file. Give a folder.")
    for name in storage.find(path):
        below = name[len(path.rstrip("/")) :].lstrip("/")
        if below:
            _copy_file(storage, name, to, f"{to_path.rstrip('/')}/{below}")
    return None


def _copy_file(storage: AbstractFileSystem, path: str, to: AbstractFileSystem, to_path: str) -> None:
    if type(storage) is type(to) and _identity(storage, path) == _identity(to, to_path):
        raise ConfigError(f"{path} cannot be copied onto itself. Give another target.")
    _make_parent(to, to_path)
    with storage.open(path, "rb") as reading:
        try:
            with to.open(to_path, "wb") as writing:
                shutil.copyfileobj(reading, writing, _CHUNK)
        except BaseException:
            # Half a file would pass for a whole one, above all in an object store, which keeps what was sent.
            with suppress(Exception):
                to.rm_file(to_path)
            raise


def _find(url: Place) -> tuple[AbstractFileSystem, str]:
    """The storage that a place is in, and the place's path there."""
    # Not before it is needed: an application that only asks which replica it is shall start at once.
    import fsspec
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]
    from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

    text = os.fspath(url)
    if not text:
        raise ConfigError("An empty text is no file. Give a path or a URL.")
    if "://" not in text or text.startswith(_PLAIN):  # not left to url_to_fs: names may have `::` in them
        return LocalFileSystem(), LocalFileSystem._strip_protocol(text)
    protocol = text.rpartition("::")[2].partition("://")[0]
    try:
        storage, path = url_to_fs(text)
    except ImportError as error:
        hint = f" Run pip install 'orepass[{_EXTRAS[protocol]}]'." if protocol in _EXTRAS else ""
        raise ConfigError(f"{text} needs a package that is not installed: {error}.{hint}") from None
    except ValueError as error:
        raise ConfigError(f"{text}: {error}. {did_you_mean(protocol, fsspec.available_protocols())}") from None
    storage.invalidate_cache()  # others write, too
    return storage, path


def _is_local(storage: AbstractFileSystem) -> bool:
    return "file" in ((storage.protocol,) if isinstance(storage.protocol, str) else storage.protocol)


def _identity(storage: AbstractFileSystem, path: str) -> str:
    return os.path.realpath(path) if _is_local(storage) else path


def _make_parent(storage: AbstractFileSystem, path: str) -> None:
    if _is_local(storage):
        os.makedirs(os.path.dirname(path), exist_ok=True)
