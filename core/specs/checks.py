"""What has to hold of an app before anything of it is submitted."""

from __future__ import annotations

import os
from typing import Any

import orjson

from orepass.errors import ConfigError
from orepass.specs.app import MISSING, AppDef, Role

_LONGEST_NAME = 200  # bytes; a file system takes 255


def check_app(app: AppDef) -> None:
    """Raise a ConfigError for an app that no scheduler could run; says which role, and what to do."""
    _check_types(app, "The app")
    _check_json(app.metadata, f"The app {app.name!r} has metadata")
    if not app.name:
        raise ConfigError("The app has no name. Give AppDef(name=...).")
    if not app.roles:
        raise ConfigError(f"The app {app.name!r} has no roles. Give AppDef(roles=[Role(...)]).")
    for role in app.roles:
        _check_role(f"The role {role.name!r} of the app {app.name!r}", role)
    names = [role.name for role in app.roles]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"The role {name!r} of the app {app.name!r} is there {names.count(name)} times. Give each role a name "
                "of its own."
            )


def _check_role(place: str, role: Role) -> None:
    if isinstance(role.args, str):
        raise ConfigError(f"{place} has the text {role.args!r} for args. Give a list of arguments.")
    _check_types(role, place)
    _check_json([role.metadata, role.resource.capabilities], f"{place} has metadata or capabilities")
    for part in (role.resource, *role.mounts):
        _check_types(part, f"{place} has a {type(part).__name__} that")
    if not role.name:
        raise ConfigError(f"{place} has no name. Give Role(name=...).")
    if role.name in (".", "..") or not role.name.isprintable() or "/" in role.name:
        raise ConfigError(f"{place} cannot be called so: its logs go to a folder of that name.")
    if len(os.fsencode(role.name)) > _LONGEST_NAME:
        raise ConfigError(f"{place} has too long a name for a folder. Give at most {_LONGEST_NAME} bytes.")
    if not role.entrypoint or role.entrypoint == MISSING:
        raise ConfigError(f"{place} has no entrypoint. Give the command that its replicas run.")
    if role.num_replicas < 1:
        raise ConfigError(f"{place} has num_replicas={role.num_replicas}. Give at least 1.")
    if role.max_retries < 0:
        raise ConfigError(f"{place} has max_retries={role.max_retries}. Give 0 or more.")
    _check_texts(place, role)


def _check_texts(place: str, role: Role) -> None:
    texts = {
        "name": [role.name],
        "image": [role.image],
        "entrypoint": [role.entrypoint],
        "args": role.args,
        "env": [*role.env, *role.env.values()],
    }
    for what, values in texts.items():
        for value in values:
            if "\0" in value:
                raise ConfigError(f"{place} has a NUL character in its {what}, which no command can be given.")
            if not value.isascii() and value.encode(errors="ignore").decode() != value:
                raise ConfigError(f"{place} has {value!r} in its {what}, which is no UTF-8. Rename what it names.")
    for variable in role.env:
        if not variable or "=" in variable:
            raise ConfigError(f"{place} has the name {variable!r} in its env, which no variable can have.")


def _check_types(value: Any, place: str) -> None:
    from orepass.config import check_types  # takes a while, and `orepass.runtime` needs no checks

    check_types(value, place)


def _check_json(value: Any, place: str) -> None:
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ConfigError(f"{place} that JSON cannot hold: {error}. Use texts, numbers, lists, mappings.") from None
