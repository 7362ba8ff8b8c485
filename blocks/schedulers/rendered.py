"""Schedulers that only say what would be submitted: another program takes it from there."""

from __future__ import annotations

import abc
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NoReturn

import yaml
from prefect.blocks.core import Block

from orepass.errors import AppError, ConfigError
from orepass.runner import Handle, Listed, Request, Scheduler
from orepass.specs import AppDef, AppStatus, BindMount, DeviceMount, Role, Stream, macros
from orepass.specs.replica_environment import RANK0_HOST

_LONGEST_NAME = 61  # 63 is what DNS allows, and Kubernetes adds two characters to the name of a host
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_NO_IMAGE = ("/", "~", ".")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]+")


@dataclass(frozen=True)
class RenderedReplica:
    """A replica as a scheduler on other machines has to know it.

    Attributes:
        handle: the app's handle.
        role: its role, with the macros filled in, and with the app's metadata where it has none of its own.
        number: its number in the role, from 0.
        name: a name that no other replica has and that DNS takes.
    """

    handle: Handle
    role: Role
    number: int
    name: str

    @property
    def labels(self) -> dict[str, str]:
        """What it is found by."""
        parts = {"session": self.handle.session, "app": self.handle.app_id, "role": self.role.name}
        values = {f"orepass/{part}": label(value) for part, value in parts.items()}
        return {**values, "orepass/replica": str(self.number)}

    def metadata(self, prefix: str) -> dict[str, Any]:
        """What its role's metadata has under keys that begin with `prefix`, without it."""
        found = self.role.metadata.items()
        return {key.removeprefix(prefix): value for key, value in found if key.startswith(prefix)}


class RenderedScheduler(Block, Scheduler):
    """Renders apps; a subclass says in which words, and with which programs they are submitted and looked at."""

    _scheduler: ClassVar[str]
    _submit_with: ClassVar[str]
    _look_with: ClassVar[str]

    @abc.abstractmethod
    def render(self, replicas: Sequence[RenderedReplica]) -> list[dict[str, Any]]:
        """The documents that an app is.

        Args:
            replicas: all of them, those of the first role first.

        Raises:
            ConfigError: something of them cannot be said.
        """

    def request(self, app: AppDef, session: str, app_id: str) -> Request:
        """See `Scheduler`."""
        handle = Handle(self._scheduler, session, app_id)
        values = [replace(role, metadata={**app.metadata, **role.metadata}) for role in app.roles]
        for role in values:
            _check(role, f"The role {role.name!r} of the app {app.name!r}", self._scheduler)
        replicas = [_replica(handle, role, number) for role in values for number in range(role.num_replicas)]
        return Request(app, session, app_id, _yaml(self.render(replicas)))

    def submit(self, request: Request) -> None:
        """See `Scheduler`; always an AppError, which says how it is submitted."""
        self._only_renders(request.app_id)

    def status(self, session: str, app_id: str) -> AppStatus | None:
        """See `Scheduler`; always an AppError."""
        self._only_renders(app_id)

    def cancel(self, session: str, app_id: str) -> None:
        """See `Scheduler`; always an AppError."""
        self._only_renders(app_id)

    def describe(self, session: str, app_id: str) -> AppDef | None:
        """See `Scheduler`; always an AppError."""
        self._only_renders(app_id)

    def log_lines(
        self, session: str, app_id: str, role: str, replica: int, stream: Stream = Stream.COMBINED, follow: bool = False
    ) -> Iterator[str]:
        """See `Scheduler`; always an AppError."""
        self._only_renders(app_id)

    def listed(self) -> list[Listed]:
        """See `Scheduler`; always an AppError."""
        self._only_renders()

    def _only_renders(self, app_id: str | None = None) -> NoReturn:
        name, value = ("APP_ID", "APP_ID") if app_id is None else (dns_name(app_id), label(app_id))
        raise AppError(
            f"The scheduler {self._scheduler} only renders: orepass submits nothing to it and asks it nothing. Submit "
            f"with `orepass app run --dryrun --scheduler {self._scheduler} ... | {self._submit_with}`, and look with "
            f"`{self._look_with.format(name=name, label=value)}`."
        )


def dns_name(*parts: str) -> str:
    """A name for DNS: lower-case letters, digits and `-`; what had to be changed ends with a digest of the parts."""
    whole = "-".join(parts)
    name = re.sub(r"[^a-z0-9]+", "-", whole.lower()).strip("-")
    name = name if name[:1].isalpha() else f"app-{name}"
    if name == whole and len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.blake2b(whole.encode(), digest_size=4).hexdigest()
    return f"{name[: _LONGEST_NAME - len(digest) - 1].rstrip('-')}-{digest}"


def label(value: str) -> str:
    """A value of a label: the text itself where that is allowed, else a name made of it."""
    return value if _LABEL.fullmatch(value) else dns_name(value)


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of both: their lists behind ours, their mappings over ours; of all else, theirs."""
    both = dict(ours)
    for field, value in theirs.items():
        old = both.get(field)
        if isinstance(old, list) and isinstance(value, list):
            both[field] = [*old, *value]
        elif isinstance(old, dict) and isinstance(value, dict):
            both[field] = {**old, **value}
        else:
            both[field] = value
    return both


def _replica(handle: Handle, role: Role, number: int) -> RenderedReplica:
    values = macros.Values(img_root="", app_id=handle.app_id, replica_id=str(number), rank0_env=RANK0_HOST)
    return RenderedReplica(handle, values.apply(role), number, dns_name(handle.app_id, role.name, str(number)))


def _check(role: Role, place: str, scheduler: str) -> None:
    image = role.image
    if not image or image.startswith(_NO_IMAGE) or len(image.split()) > 1:
        raise ConfigError(
            f"{place} has the image {image!r}, which is no container image. Give one for the scheduler {scheduler}, "
            "such as 'python:3.12', or use the scheduler local or slurm, which run what is installed."
        )
    for mount in role.mounts:
        paths = [mount.dst_path]
        if isinstance(mount, BindMount | DeviceMount):
            paths.append(mount.src_path)
        for path in paths:
            if not path.startswith("/"):
                raise ConfigError(f"{place} has the mount {mount}, in which {path!r} is no absolute path. Give that.")


class _Dumper(yaml.SafeDumper):
    """Quotes all that other readers of YAML could take for anything but text, such as `y` and `1e3`; uses no anchors.

    Texts of several lines are quoted, too: so they arrive with all their blanks and line ends.
    """

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, None if _PLAIN.fullmatch(text) else '"')


_Dumper.add_representer(str, _text)


def _yaml(documents: list[dict[str, Any]]) -> str:
    written: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=math.inf)
    return written
