"""The folders of apps: what was submitted, and what the replicas write, for schedulers that share a file system.

FOLDER/SCHEDULER/SESSION/APP_ID/app.json
FOLDER/SCHEDULER/SESSION/APP_ID/roles/ROLE/REPLICA/stdout, stderr, combined
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from orepass.atomic import write_atomically
from orepass.blocks.schedulers.logs import follow, tail
from orepass.errors import AppError
from orepass.runner.handle import Handle, another_app
from orepass.specs import AppDef, Stream
from orepass.specs.documents import from_document, to_document

ENVIRONMENT_VARIABLE = "OREPASS_APPS"
_DEFAULT = Path("~/.orepass/apps")
_APP = "app.json"


@dataclass(frozen=True)
class AppFolder:
    """The folder of one app.

    Attributes:
        path: where it is.
    """

    path: Path

    @classmethod
    def of(cls, root: Path | None, scheduler: str, session: str, app_id: str) -> AppFolder:
        """The folder of an app, which need not be there.

        Args:
            root: the folder of all apps; `$OREPASS_APPS` or `~/.orepass/apps`, if not given.
            scheduler: the scheduler's name.
            session: whose app it is.
            app_id: what the scheduler calls it.
        """
        return cls(_root(root) / scheduler / session / app_id)

    def create(self, app: AppDef) -> bool:
        """Keep what is submitted; False if it is kept there already.

        Raises:
            ConfigError: another app is kept there.
            AppError: nothing can be kept there.
        """
        kept = self.app()
        if kept is not None:
            if _as_json(kept) != _as_json(app):
                raise another_app(str(Handle(*self.path.parts[-3:])))
            return False
        try:
            self._make(app)
        except OSError as error:
            raise AppError(
                f"The app's folder {self.path} cannot be made: {error}. Choose another one for all apps: "
                f"${ENVIRONMENT_VARIABLE}, or the scheduler's option `folder`."
            ) from error
        return True

    def _make(self, app: AppDef) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)  # the environment of a role may hold what is not for everybody
        for role in app.roles:
            for replica in range(role.num_replicas):
                self.replica(role.name, replica).mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / _APP, _as_json(app))  # last: where it is, all the rest is, too

    def app(self) -> AppDef | None:
        """What was submitted; None if nothing was.

        Raises:
            AppError: it cannot be read.
        """
        file = self.path / _APP
        try:
            return from_document(orjson.loads(file.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError as error:
            raise AppError(f"{file} cannot be read: {error} Remove its folder to forget the app.") from error

    def submitted(self) -> float:
        """When it was submitted, in seconds since 1970; 0 if it is forgotten."""
        try:
            return (self.path / _APP).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def remove(self) -> None:
        """Forget the app; `app.json` goes last, so that one that was removed in part can be removed again."""
        for child in self.path.iterdir():
            if child.is_dir():
                shutil.rmtree(child)
            elif child.name != _APP:
                child.unlink()
        shutil.rmtree(self.path)

    def replica(self, role: str, replica: int) -> Path:
        """The folder of a replica."""
        return self.path / "roles" / role / str(replica)

    def lines(self, role: str, replica: int, stream: Stream, ended: Callable[[], bool] | None) -> Iterator[str]:
        """What a replica has written, line by line without line ends.

        Args:
            role: the role's name.
            replica: its number.
            stream: which of its streams.
            ended: follow the file until this says that nothing more will come; None for what is there now.
        """
        yield from follow(self.replica(role, replica) / stream, ended)

    def last_line(self, role: str, replica: int) -> str:
        """The last line that a replica wrote to stderr, else to stdout; empty if it wrote none."""
        for stream in (Stream.STDERR, Stream.STDOUT):
            if lines := tail(self.replica(role, replica) / stream, 1):
                return lines[-1]
        return ""


def known(root: Path | None, scheduler: str) -> list[tuple[str, str, AppFolder]]:
    """Session, id and folder of all apps of a scheduler, the newest first."""
    folders = [AppFolder(file.parent) for file in (_root(root) / scheduler).glob(f"*/*/{_APP}")]
    newest_first = sorted(folders, key=AppFolder.submitted, reverse=True)
    return [(folder.path.parent.name, folder.path.name, folder) for folder in newest_first]


def _as_json(app: AppDef) -> bytes:
    return orjson.dumps(to_document(app))


def _root(folder: Path | None) -> Path:
    return Path(folder or os.environ.get(ENVIRONMENT_VARIABLE) or _DEFAULT).expanduser().absolute()
