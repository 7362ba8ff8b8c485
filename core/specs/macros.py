"""Words in arguments, environment and metadata that stand for what only a scheduler knows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from string import Template
from typing import Any

from orepass.specs.app import Role


class macros:
    """The macros.

    Attributes:
        img_root: the folder of the image.
        app_id: what the scheduler calls the app.
        replica_id: the number of the replica in its role, from 0; one that is started again keeps it.
        rank0_env: the name of the environment variable that has the host of replica 0 of the first role.
    """

    img_root = "${img_root}"
    app_id = "${app_id}"
    replica_id = "${replica_id}"
    rank0_env = "${rank0_env}"

    @staticmethod
    def literal(text: str) -> str:
        """A text that is itself once the macros are filled in."""
        return text.replace("$", "$$")

    @dataclass(frozen=True)
    class Values:
        """What the macros stand for in one replica."""

        img_root: str
        app_id: str
        replica_id: str
        rank0_env: str

        def apply(self, role: Role) -> Role:
            """A copy of the role with the macros filled in; other words that begin with `$` stay."""
            return replace(
                role,
                args=[self.substitute(argument) for argument in role.args],
                env={name: self.substitute(value) for name, value in role.env.items()},
                metadata=self._filled(role.metadata),
            )

        def substitute(self, text: str) -> str:
            """A text with the macros filled in."""
            return Template(text).safe_substitute(asdict(self))

        def _filled(self, value: Any) -> Any:
            if isinstance(value, str):
                return self.substitute(value)
            if isinstance(value, dict):
                return {key: self._filled(member) for key, member in value.items()}
            return [self._filled(member) for member in value] if isinstance(value, list) else value
