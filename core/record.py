"""`record.json`: who made a result, of what, when, with what."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import orjson

from orepass.errors import DamagedError


@dataclass(frozen=True)
class Output:
    """One file of a result."""

    size: int
    digest: str


@dataclass(frozen=True)
class Record:
    """All that is known of a stored result.

    Attributes:
        key: 40 hexadecimal digits; see `orepass.key`.
        scheme: the version of the way keys are made.
        module: the module's name.
        version: the module's version.
        function: where the module's function is defined, `package.module:name`.
        source: digest of the function's source text.
        canonical: what was hashed for the configuration.
        canonical_element: what was hashed for the element of an array, else None.
        config: the full configuration, for people (paths as given, ignored fields too).
        element: the element, for people.
        result: the returned value as `orepass.codec` writes it.
        outputs: every file of the result by its POSIX path in the entry.
        started: ISO 8601 in UTC.
        seconds: wall-clock seconds in the module's function.
        cpu_seconds: processor seconds of the worker and its children in the meantime.
        peak_memory_bytes: largest resident size of the worker in the meantime; None where it cannot be told.
        host: name of the machine.
        pid: process.
        job_id: of the cluster's scheduler, if there was one.
        flow_run_id: of Prefect, if there was one.
        task_run_id: of Prefect, if there was one.
        packages: installed versions.
        git_commit: of the repository that the function is in, with `+` if there were changes on top of it.
    """

    key: str
    scheme: int
    module: str
    version: str
    function: str
    source: str
    canonical: Any
    canonical_element: Any
    config: Any
    element: Any
    result: Any
    outputs: dict[str, Output]
    started: str
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int | None
    host: str
    pid: int
    job_id: str | None = None
    flow_run_id: str | None = None
    task_run_id: str | None = None
    packages: dict[str, str] = field(default_factory=dict)
    git_commit: str | None = None

    def dumps(self) -> bytes:
        """The record as indented JSON."""
        document = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def loads(cls, content: bytes) -> Record:
        """Read a record.

        Raises:
            DamagedError: the content is no whole record.
        """
        try:
            document = orjson.loads(content)
            outputs = {name: Output(**output) for name, output in document.pop("outputs").items()}
            # Fields that a newer version of this library adds are no damage.
            known = {f.name: document[f.name] for f in dataclasses.fields(cls) if f.name in document}
            return cls(**known, outputs=outputs)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedError(f"not a whole record: {error}") from error
