"""GPUs of a machine whose pool does not hand them out: taken by lock, so that no two steps use the same one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from orepass.errors import ConfigError

ENVIRONMENT_VARIABLE = "OREPASS_GPU_LOCKS"
_LOOK_AGAIN_S = 0.5
_LINE = "line"


@contextlib.contextmanager
def gpus_taken(
    count: int, gpus: Sequence[str], waiting: Callable[[], None] = lambda: None
) -> Iterator[tuple[str, ...]]:
    """Hold GPUs of this machine that no other step holds; wait until there are as many.

    The kernel lets go of the locks of a process that dies. They are files in `$OREPASS_GPU_LOCKS`, else in a folder of
    this user below the temporary one; containers that share GPUs have to share it, too.

    Args:
        count: how many.
        gpus: the ids of those that there are.
        waiting: called now and then while there are too few; it may raise.

    Yields:
        The ids.

    Raises:
        ConfigError: the locks cannot be made.
    """
    folder = _folder()
    with contextlib.ExitStack() as held:
        taken: list[str] = []
        # Who is at the head of the line takes whatever becomes free, so that a step that needs several gets them.
        with contextlib.ExitStack() as line:
            while not _lock(folder / _LINE, line):
                waiting()
                time.sleep(_LOOK_AGAIN_S)
            while True:
                free = (gpu for gpu in gpus if gpu not in taken and _lock(folder / _file_of(gpu), held))
                while len(taken) < count and (gpu := next(free, None)) is not None:
                    taken.append(gpu)
                if len(taken) == count:
                    break
                waiting()
                time.sleep(_LOOK_AGAIN_S)
        yield tuple(sorted(taken, key=list(gpus).index))


def _lock(path: Path, held: contextlib.ExitStack) -> bool:
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.enter_context(file)
    return True


def _file_of(gpu: str) -> str:
    return f"gpu-{gpu.replace('/', '_')}"


def _folder() -> Path:
    configured = os.environ.get(ENVIRONMENT_VARIABLE)
    folder = Path(configured) if configured else Path(tempfile.gettempdir(), f"orepass-gpus-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True, parents=True)
        found = folder.lstat()
    except OSError as error:
        raise ConfigError(f"The locks of this machine's GPUs cannot be made in {folder}: {error}") from error
    if not configured and (not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid()):
        raise ConfigError(f"{folder} belongs to somebody else. Remove it, or set {ENVIRONMENT_VARIABLE} to a folder.")
    return folder
