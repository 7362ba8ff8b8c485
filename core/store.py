"""The store: results by module and key in a folder that several runs, also on several hosts, may share."""

from __future__ import annotations

import errno
import functools
import logging
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from orepass.atomic import sync
from orepass.claims import Owner
from orepass.digest import combine, digest_path
from orepass.errors import DamagedError, ResultError, StoreError
from orepass.layout import LOG, RECORD, Entry, Layout
from orepass.record import Output, Record
from orepass.sweeping import sweep

logger = logging.getLogger(__name__)

ENVIRONMENT_VARIABLE = "OREPASS_STORE"
_DEFAULT = Path("~/.orepass/store")
_current: ContextVar[Store | None] = ContextVar("orepass_store", default=None)


@dataclass(frozen=True)
class Working:
    """A process that computes a result.

    Attributes:
        owner: the process.
        job_id: of the cluster's scheduler, if there is one.
    """

    owner: Owner
    job_id: str | None = None

    def __str__(self) -> str:
        return f"{self.owner}" + (f", job {self.job_id}" if self.job_id else "")


@dataclass(frozen=True)
class Store:
    """Results under one root folder; see docs/store.md for the format.

    Attributes:
        root: an absolute folder on a local or shared POSIX file system; made when first written to.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(os.path.realpath(self.root.expanduser())))

    @property
    def layout(self) -> Layout:
        """Where things are below the root."""
        return Layout(self.root)

    def entry(self, module: str, key: str) -> Entry:
        """The place of one result, whether it is there or not."""
        return self.layout.entry(module, key)

    def read(self, entry: Entry) -> Record | None:
        """The record of a result that is whole; None if there is no result.

        Raises:
            DamagedError: the record or an output is missing, truncated or of another size than it was written with.
            StoreError: the store cannot be read.
        """
        try:
            content = _record_of(entry)
            if content is None:
                return None
            record = Record.loads(content)
            if record.key != entry.key:
                raise DamagedError(f"the record is that of {record.key}")
            _check_sizes(entry, record)
        except DamagedError:
            raise
        except OSError as error:
            raise self.failure(f"read {entry.name}", error) from error
        return record

    def set_aside(self, entry: Entry, why: str) -> None:
        """Move a result that cannot be used out of the way, and say so; it is computed again when it is wanted."""
        place = self.layout.set_aside / f"{entry.module}-{entry.key}-{uuid.uuid4().hex[:8]}"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.rename(entry.folder, place)
        except FileNotFoundError:
            return  # another run did it
        except OSError as error:
            raise self.failure(f"set {entry.name} aside", error) from error
        logger.warning("%s: a stored result cannot be used (%s): set aside in %s.", entry.name, why, place)

    def begin(self, partial: Path, entry: Entry, job_id: str | None = None) -> None:
        """Make the folder of a run that begins in this process.

        Args:
            partial: a name of `layout.new_partial()`.
            entry: what is computed.
            job_id: of the cluster's scheduler, if there is one.

        Raises:
            StoreError: the store cannot be written.
        """
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            begun = {**asdict(Owner.this_process()), "entry": entry.name, "job_id": job_id}
            _owner_of(partial).write_bytes(orjson.dumps(begun))
            partial.mkdir()
        except OSError as error:
            raise self.failure("begin a step", error) from error

    def working(self) -> dict[str, Working]:
        """Which processes compute something right now, by the names of the results."""
        found = {}
        for file in self.layout.partials.glob("*.owner"):
            try:
                content = file.read_bytes()
            except OSError:
                continue  # it has ended in this moment
            owner = Owner.loads(content)
            if owner is not None and owner.alive() is not False:
                document = orjson.loads(content)
                found[document.get("entry", "")] = Working(owner, document.get("job_id"))
        return found

    def outputs_of(self, partial: Path) -> dict[str, Output]:
        """Size and digest of every file that a run left in its folder, each forced to the disk.

        Raises:
            ResultError: one of them has a name that the store needs itself.
            StoreError: the disk is full or fails.
        """
        if (partial / RECORD).exists():
            raise ResultError(f"An output may not be called {RECORD}: the store writes a file of this name beside it.")
        outputs = {}
        try:
            for name in sorted(_files_below(partial)):
                path = partial / name
                if name != LOG:
                    outputs[name] = Output(path.stat().st_size, digest_path(path))
                sync(path)
                # Published outputs are hard links: editing one in place would change the store.
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
        except OSError as error:
            raise self.failure(f"keep the outputs in {partial}", error) from error
        return outputs

    def commit(self, partial: Path, entry: Entry, record: Record) -> None:
        """Make a finished run's folder a result: the record is written last, then the folder is renamed into place.

        If another run has stored this result in the meantime, that one stays.

        Raises:
            StoreError: the store cannot be written; nothing of it is then taken for a result.
        """
        try:
            with open(partial / RECORD, "wb") as file:
                file.write(record.dumps())
                file.flush()
                os.fsync(file.fileno())
            sync(partial)
            entry.folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(partial, entry.folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                self._remove(partial)
                return
            sync(entry.folder.parent)
            _owner_of(partial).unlink(missing_ok=True)
            entry.failure.unlink(missing_ok=True)
            shutil.rmtree(entry.checkpoints, ignore_errors=True)
        except OSError as error:
            raise self.failure(f"store {entry.name}", error) from error

    def note_failure(self, entry: Entry, text: str) -> None:
        """Keep why a result was not computed, for a run that could not say it itself because it was killed."""
        try:
            entry.failure.parent.mkdir(parents=True, exist_ok=True)
            entry.failure.write_text(text)
        except OSError as error:
            logger.warning("%s: why it failed could not be kept: %s", entry.name, error)

    def discard(self, partial: Path, entry: Entry) -> Path | None:
        """Remove a failed run's folder, but keep its log.

        Returns:
            Where the log is now; None if there is none.
        """
        log = partial / LOG
        kept = None
        try:
            if log.exists() and log.stat().st_size:
                entry.failure.parent.mkdir(parents=True, exist_ok=True)
                os.replace(log, entry.failure)
                kept = entry.failure
        except OSError as error:
            logger.warning("%s: its log could not be kept: %s", entry.name, error)
        self._remove(partial)
        return kept

    def _remove(self, partial: Path) -> None:
        shutil.rmtree(partial, ignore_errors=True)
        _owner_of(partial).unlink(missing_ok=True)

    def digest(self, path: Path, used: set[str] | None = None) -> str:
        """The digest of a path's content; for a path in a result it is read from the record.

        Args:
            path: a file or a folder.
            used: gets the result's `module/key`, if the path is in one.

        Raises:
            InputError: there is no such file.
        """
        absolute = Path(os.path.realpath(path))
        found = self.layout.locate(absolute)
        if found is not None:
            if used is not None:
                used.add(found[0].name)
            digest = self._recorded_digest(*found)
            if digest is not None and absolute.exists():
                return digest
        return digest_path(path, self.layout.digests)

    def _recorded_digest(self, entry: Entry, name: str) -> str | None:
        try:
            written = entry.record.stat()
        except OSError:
            return None
        try:
            outputs = _outputs(str(entry.record), written.st_ino, written.st_mtime_ns)
        except OSError:
            return None  # a damaged record is reported where its result is looked up
        if name in outputs:
            return outputs[name].digest
        prefix = f"{name}/" if name else ""
        inside = {file.removeprefix(prefix): o.digest for file, o in outputs.items() if file.startswith(prefix)}
        return combine(inside) if inside else None

    def sweep(self) -> None:
        """Remove what killed runs left: at once where the process is known to be dead, else after a week."""
        sweep(self.layout, self._remove)

    def modules(self) -> list[str]:
        """The names of the modules that have results."""
        if not self.root.is_dir():
            return []
        return sorted(
            found.name for found in os.scandir(self.root) if found.is_dir() and not found.name.startswith(".")
        )

    def records(self, module: str) -> Iterator[Record]:
        """The readable records of a module, newest first."""
        folder = self.layout.module(module)
        try:
            entries = sorted(os.scandir(folder), key=lambda found: found.stat().st_mtime, reverse=True)
        except OSError:
            return
        for found in entries:
            try:
                yield Record.loads(Path(found.path, RECORD).read_bytes())
            except OSError:
                continue

    def failure(self, what: str, error: OSError) -> StoreError:
        """The error of a store that could not do something, with what to do about it."""
        remedy = {
            errno.ENOSPC: "The disk is full: free some space, or point store.root to another disk.",
            errno.EDQUOT: "The disk quota is used up: free some space, or point store.root to another disk.",
            errno.EACCES: "Check the permissions, or point store.root to a folder you may write to.",
            errno.EPERM: "Check the permissions, or point store.root to a folder you may write to.",
            errno.ENOTDIR: "A part of its path is a file: point store.root to a folder.",
            errno.EROFS: "The file system is read-only: point store.root to a folder you may write to.",
        }.get(error.errno or 0, "Check the disk, or point store.root to another folder.")
        return StoreError(f"The store {self.root} could not {what}: {error.strerror or error}. {remedy}")


def _record_of(entry: Entry) -> bytes | None:
    for _ in range(2):
        try:
            return entry.record.read_bytes()
        except FileNotFoundError:
            if not entry.folder.exists():
                return None
        # The folder may have come, with its record, only after the look for the record: look again.
    raise DamagedError(f"{RECORD} is missing")


def _check_sizes(entry: Entry, record: Record) -> None:
    folder = str(entry.folder)
    for name, output in record.outputs.items():
        try:
            found = os.stat(f"{folder}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            raise DamagedError(f"{name} is missing") from None
        if found.st_size != output.size:
            raise DamagedError(f"{name} has {found.st_size} bytes, {output.size} were written")


@functools.lru_cache(maxsize=4096)
def _outputs(record: str, inode: int, mtime_ns: int) -> dict[str, Output]:
    """The outputs in a record; inode and mtime are there to notice that the result was made anew."""
    return Record.loads(Path(record).read_bytes()).outputs


def _owner_of(partial: Path) -> Path:
    return partial.with_suffix(".owner")


def _files_below(folder: Path) -> Iterator[str]:
    for parent, _, files in os.walk(folder):
        for file in files:
            yield Path(parent, file).relative_to(folder).as_posix()


def current_store() -> Store:
    """The store in use: the one set with `use_store`, else `$OREPASS_STORE`, else `~/.orepass/store`."""
    return _current.get() or Store(Path(os.environ.get(ENVIRONMENT_VARIABLE) or _DEFAULT))


def use_store(store: Store) -> None:
    """Use a store from here on, in this thread or async task and those that it starts."""
    _current.set(store)
