"""Components that run a program: small ones to try things with, and any of your own."""

from __future__ import annotations

import sys
from pathlib import Path

from orepass.errors import ConfigError
from orepass.specs import AppDef, Resource, Role, parse_mounts, resource


def echo(msg: str = "hello world", image: str = "", num_replicas: int = 1) -> AppDef:
    """Print a message.

    Args:
        msg: the message.
        image: the folder or container image to run in; the current folder, if empty.
        num_replicas: how many replicas print it.
    """
    role = Role("echo", image, "echo", [msg], num_replicas=num_replicas, resource=_small())
    return AppDef("echo", [role])


def sh(
    *args: str,
    image: str = "",
    num_replicas: int = 1,
    cpu: int = 1,
    gpu: int = 0,
    memMB: int = 1024,
    h: str | None = None,
    env: dict[str, str] | None = None,
    max_retries: int = 0,
    mounts: list[str] | None = None,
) -> AppDef:
    """Run a command with the shell.

    One word is a script for the shell, such as 'sort names | uniq'. Several are a command and its arguments, each of
    which is taken as it is, but that $$ is one $, as in all arguments of apps.

    Args:
        args: the command.
        image: the folder or container image to run in; the current folder, if empty.
        num_replicas: how many replicas run it.
        cpu: processor cores of each replica.
        gpu: graphics processors of each replica.
        memMB: main memory of each replica in MB.
        h: the name of a resource, which wins over cpu, gpu and memMB.
        env: environment variables, such as A=1,B=2.
        max_retries: how often a replica that fails is started again.
        mounts: what is mounted, such as type=bind,src=/data,dst=/data,readonly.
    """
    if not args:
        raise ConfigError("utils.sh has no command. Write it after `--`, such as: utils.sh -- ls -l")
    role = Role(
        name="sh",
        image=image,
        entrypoint="sh",
        args=["-c", *args] if len(args) == 1 else ["-c", '"$@"', "sh", *args],
        env=env or {},
        num_replicas=num_replicas,
        max_retries=max_retries,
        resource=resource(cpu, gpu, memMB, h),
        mounts=parse_mounts(mounts or []),
    )
    return AppDef("sh", [role])


def python(
    *args: str,
    m: str | None = None,
    c: str | None = None,
    script: str | None = None,
    image: str = "",
    name: str = "python",
    cpu: int = 1,
    gpu: int = 0,
    memMB: int = 1024,
    h: str | None = None,
    num_replicas: int = 1,
) -> AppDef:
    """Run a Python module, command or script; exactly one of the three has to be given.

    In a folder this Python runs it, in a container image its `python`.

    Args:
        args: arguments of the program, as in sys.argv[1:].
        m: the module.
        c: the command.
        script: the file.
        image: the folder or container image to run in; the current folder, if empty.
        name: the app's name.
        cpu: processor cores of each replica.
        gpu: graphics processors of each replica.
        memMB: main memory of each replica in MB.
        h: the name of a resource, which wins over cpu, gpu and memMB.
        num_replicas: how many replicas run it.
    """
    programs = [words for words in (["-m", m], ["-c", c], [script]) if words[-1] is not None]
    if len(programs) != 1:
        raise ConfigError("utils.python takes exactly one of --m MODULE, --c COMMAND and --script FILE.")
    words = [str(word) for word in programs[0]]
    needs = resource(cpu, gpu, memMB, h)
    role = Role("python", image, _python(image), [*words, *args], num_replicas=num_replicas, resource=needs)
    return AppDef(name, [role])


def binary(
    *args: str,
    entrypoint: str,
    image: str = "",
    name: str = "binary",
    num_replicas: int = 1,
    cpu: int = 1,
    gpu: int = 0,
    memMB: int = 1024,
    h: str | None = None,
) -> AppDef:
    """Run any program.

    Args:
        args: its arguments, each of which is taken as it is.
        entrypoint: the program.
        image: the folder or container image to run in; the current folder, if empty.
        name: the app's name.
        num_replicas: how many replicas run it.
        cpu: processor cores of each replica.
        gpu: graphics processors of each replica.
        memMB: main memory of each replica in MB.
        h: the name of a resource, which wins over cpu, gpu and memMB.
    """
    needs = resource(cpu, gpu, memMB, h)
    return AppDef(name, [Role("binary", image, entrypoint, args, num_replicas=num_replicas, resource=needs)])


def copy(src: str, dst: str, image: str = "") -> AppDef:
    """Copy a file from one place to another, each a path or any URL that fsspec knows.

    Args:
        src: the file.
        dst: where it goes.
        image: the folder or container image to run in, which has to have orepass; the current folder, if empty.
    """
    return _own("copy", image, "orepass.runtime", "copy", "--", src, dst)


def touch(file: str, image: str = "") -> AppDef:
    """Make a file, if it is not there.

    Args:
        file: a path, or any URL that fsspec knows.
        image: the folder or container image to run in, which has to have orepass; the current folder, if empty.
    """
    return _own("touch", image, "orepass.runtime", "touch", "--", file)


def booth(x1: float, x2: float, trial_idx: int = 0, tracker_base: str = "", image: str = "") -> AppDef:
    """Evaluate Booth's function, (x1 + 2 x2 - 7)^2 + (2 x1 + x2 - 5)^2, which is 0 at (1, 3): for trying a search.

    Args:
        x1: the first coordinate.
        x2: the second.
        trial_idx: the number of the trial.
        tracker_base: a folder, or any URL that fsspec knows, where the value goes to as TRIAL_IDX.json; it is only
            printed, if empty.
        image: the folder or container image to run in, which has to have orepass; the current folder, if empty.
    """
    options = {"x1": x1, "x2": x2, "trial_idx": trial_idx, "tracker_base": tracker_base}
    words = [f"--{name}={value}" for name, value in options.items()]  # `=`, for values that begin with `-`
    return _own("booth", image, "orepass.components.booth", *words)


def _own(name: str, image: str, module: str, *args: str) -> AppDef:
    return AppDef(name, [Role(name, image, _python(image), ["-m", module, *args], resource=_small())])


def _python(image: str) -> str:
    """This Python, which need not be on the PATH, unless the image is a container's."""
    return sys.executable if Path(image).is_dir() else "python"


def _small() -> Resource:
    return Resource(cpu=1, gpu=0, memMB=1024)
