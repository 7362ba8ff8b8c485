"""The consumer's side of links: what they mean, out of what the experiment sent along."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from orepass.errors import ConfigError
from orepass.runnables.building import Built, build
from orepass.runnables.json_form import from_json
from orepass.runnables.link import Link
from orepass.runnables.object_state import load_state
from orepass.runnables.tree import Node
from orepass.runnables.walking import links, path_text


def follow(tree: Node, sent: Mapping[str, Any], modules: Collection[str]) -> dict[Link, Any]:
    """What the links of a tree mean; objects of other stages are built anew and get their state.

    Args:
        tree: has the links.
        sent: what `supplied` made of them; nothing if the tree has none.
        modules: as for `build`.

    Raises:
        ConfigError: an object cannot be built, cannot take its state, or has no such attribute.
    """
    wanted = links(tree)
    if not sent:
        return {}
    stages = {name: _rebuilt(name, stage, modules) for name, stage in sent["stages"].items()}
    found: dict[Link, Any] = {}
    for link in wanted.values():
        text = str(link)
        if text in sent["values"]:
            found[link] = sent["values"][text]
        elif text in sent["objects"]:
            at = sent["objects"][text]
            by_path = stages[link.stage].by_path
            if link.attributes:
                found[link] = _attribute(by_path[(at["at"],)], at["attributes"], link)
            else:
                found[link] = Built({path[1:]: thing for path, thing in by_path.items() if path[:1] == (at["at"],)})
    return found


def _rebuilt(name: str, stage: Mapping[str, Any], modules: Collection[str]) -> Built:
    tree = from_json(stage["tree"])
    built = build(tree, modules, follow(tree, stage["links"], modules))
    for path, thing in built.by_path.items():
        folder = stage["states"].get(path_text(path))
        if folder is not None:
            try:
                load_state(thing, Path(folder))
            except Exception as error:
                raise ConfigError(
                    f"A {type(thing).__qualname__} of the stage {name!r} cannot take the state that it had there: "
                    f"{type(error).__name__}: {error}"
                ) from error
    return built


def _attribute(thing: Any, names: Collection[str], link: Link) -> Any:
    for name in names:
        if not hasattr(thing, name):
            raise ConfigError(
                f"!@ {link}: a {type(thing).__qualname__} that was built anew has no attribute {name!r}; it comes from "
                "run() and is nothing that can be stored. Link to a number, a text or a Path."
            )
        thing = getattr(thing, name)
    return thing
