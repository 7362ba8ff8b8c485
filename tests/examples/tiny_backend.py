"""A build backend (PEP 517) of one file that needs nothing, so that tests build packages without an index.

`package.json` beside it says what the package is: name, version, requires. Every folder beside it is a module.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    package = json.loads(Path("package.json").read_text())
    files = {str(path): path.read_text() for path in Path().glob("*/*.py")}
    return write_wheel(Path(wheel_directory), files=files, **package).name


def write_wheel(
    folder: Path, name: str, version: str, files: dict[str, str], requires: list[str], extras: tuple[str, ...] = ()
) -> Path:
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in requires] + [f"Provides-Extra: {one}" for one in extras]
    files = files | {
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tiny\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for path, text in files.items():
            file.writestr(path, text)
    return wheel
