"""What a document's mapping of extensions says."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orepass.errors import ConfigError
from orepass.extensions.folder_source import FolderSource
from orepass.extensions.github_source import parse_github
from orepass.extensions.package_source import parse_requirement
from orepass.extensions.sources import Source, check_project

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DIRECT_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*\s*(\[[^\]]*\])?\s*@\s*[A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class Extension:
    """A top-level module, what the document says about where it comes from, and what that means."""

    module: str
    declared: str
    source: Source


def read_extensions(declared: Mapping[str, str], folder: Path = Path()) -> tuple[Extension, ...]:
    """Read the extensions that a document declares; asks nobody and installs nothing.

    Args:
        declared: for each top-level module name a local folder, a GitHub URL or a requirement.
        folder: what relative folders are relative to; the document's own.

    Raises:
        ConfigError: a key is no module name, or a value none of the three.
    """
    if not isinstance(declared, Mapping):
        raise ConfigError(f"Extensions are a mapping, 'module: source', not {type(declared).__name__}.")
    return tuple(_extension(module, value, folder) for module, value in declared.items())


def _extension(module: object, value: object, folder: Path) -> Extension:
    name = _module_name(module)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(
            f"Extension {name}: {value!r} is no source. Give a folder, a GitHub URL or a requirement such as "
            "'py-extensions==1.0', as text."
        )
    try:
        return Extension(name, value, _source(value.strip(), folder))
    except ConfigError as error:
        raise ConfigError(f"Extension {name}: {error}") from error


def _module_name(key: object) -> str:
    """The key, if a module can have that name."""
    if not isinstance(key, str):
        raise ConfigError(f"Extension {key!r}: the key is the name of a module, as text.")
    if key.isidentifier() and not keyword.iskeyword(key):
        if key == "orepass" or key in sys.stdlib_module_names:
            whose = "this library" if key == "orepass" else "Python"
            raise ConfigError(f"Extension {key}: {whose} has a module of this name. Rename the extension's module.")
        return key
    probably = re.sub(r"\W", "_", key.split(".")[0].strip())
    hint = f" It probably is {probably!r}." if probably.isidentifier() and not keyword.iskeyword(probably) else ""
    raise ConfigError(
        f"Extension {key!r}: the key is the top-level module's name, as in `import NAME`, not the package's name.{hint}"
    )


def _source(text: str, folder: Path) -> Source:
    if _DIRECT_REQUIREMENT.match(text):
        return parse_requirement(text)
    if _SCHEME.match(text):
        return parse_github(text)
    if re.match(r"[\w.-]+@[\w.-]+:", text):
        return parse_github(f"ssh://{text}")
    if re.match(r"(www\.)?github\.com/", text):
        return parse_github(f"https://{text}")
    if "/" in text or text.startswith((".", "~")):
        path = (folder / Path(text).expanduser()).resolve()
        check_project(path, f"{text!r}" if text == str(path) else f"{text!r} ({path})")
        return FolderSource(path)
    if (folder / text).is_dir():
        raise ConfigError(f"{text!r} may be a folder or a package. Write './{text}', or '{text}==VERSION'.")
    return parse_requirement(text)
