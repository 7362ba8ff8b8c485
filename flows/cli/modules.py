"""`orepass modules`: what a pipeline can be made of."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from orepass.flows._ending import DONE
from orepass.flows.cli.tables import print_rows
from orepass.pipelines.datatypes import spelled
from orepass.pipelines.signature import Port
from orepass.pipelines.types import find_type, registered_types


def add_to(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "modules",
        help="what a pipeline can be made of",
        description="List the registered modules; or tell what one of them takes and gives.",
    )
    parser.add_argument("type", metavar="TYPE", nargs="?", help="a registered name or an import path")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.type is None:
        rows = [{"name": name, "place": place} for name, place in registered_types().items()]
        print_rows(rows, {"name": "type", "place": "where"}, arguments.json)
        return DONE
    signature = find_type(arguments.type).signature
    rows = [*_ports("input", signature.inputs), *_ports("option", signature.options)]
    for name, datatype in signature.outputs.items():
        usual = "the default output" if name == signature.default_output else ""
        rows.append({"kind": "output", "name": name, "type": spelled(datatype), "help": usual})
    columns = {"kind": "", "name": "name", "type": "type", "default": "default", "help": ""}
    print_rows(rows, columns, arguments.json)
    return DONE


def _ports(kind: str, ports: Mapping[str, Port]) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "name": port.name,
            "type": " and ".join(map(spelled, port.datatypes)),
            "default": None if port.required else port.default,
            "default_text": "" if port.required else repr(port.default),
            "required": port.required,
            "help": port.help,
        }
        for port in ports.values()
    ]
