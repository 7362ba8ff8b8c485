"""What a role needs of machines on which its program is installed, checked before anything is submitted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from orepass.errors import ConfigError
from orepass.specs import AppDef, BindMount, DeviceMount, Role


def check_installed(app: AppDef, scheduler: str, check_program: bool = True, hint: str = "") -> None:
    """Raise a ConfigError if an app cannot run on plain machines.

    Args:
        app: what is to run.
        scheduler: the scheduler's name, for the message.
        check_program: whether programs have to be here, too.
        hint: what else can be done about a program that is not here, a sentence.
    """
    for role in app.roles:
        place = f"The role {role.name!r} of the app {app.name!r}"
        folder = image_folder(role)
        if not folder.is_dir():
            raise ConfigError(
                f"{place} has the image {role.image!r}, which is no folder. The scheduler {scheduler} runs what is "
                "installed and has no container images: give a folder, or '' for the current one, or use the "
                "scheduler docker or kubernetes."
            )
        if check_program:
            _check_program(place, role, folder, hint)
        for mount in role.mounts:
            same = isinstance(mount, (BindMount, DeviceMount)) and mount.src_path == mount.dst_path
            if not same or not Path(mount.dst_path).exists():
                raise ConfigError(
                    f"{place} has the mount {mount}. The scheduler {scheduler} mounts nothing: a replica sees files "
                    "where its machine has them. Give the path itself, or use the scheduler docker or kubernetes."
                )


def image_folder(role: Role) -> Path:
    """The folder that an image is on plain machines: the current one, if it is empty. Replicas run in it."""
    return Path(role.image).expanduser().absolute()


def program(role: Role, folder: Path) -> str:
    """What is run for an entrypoint: a file in the image's folder, else what the PATH has."""
    inside = folder / Path(role.entrypoint).expanduser()
    return str(inside) if inside.is_file() else role.entrypoint


def _check_program(place: str, role: Role, folder: Path, hint: str) -> None:
    found = program(role, folder)
    path = role.env.get("PATH", os.environ.get("PATH", ""))
    if shutil.which(found, path=path) is not None:
        return
    if Path(found).is_file():
        raise ConfigError(f"{place} has the entrypoint {role.entrypoint!r}, which cannot be executed. Use chmod +x.")
    where = "" if "/" in role.entrypoint else " and on the PATH"
    raise ConfigError(
        f"{place} has the entrypoint {role.entrypoint!r}, which is not there. It was looked for in {folder}{where}. "
        f"Install it, or give its path. {hint}".rstrip()
    )
