"""From YAML text to trees. Nothing is built and nothing imported: a tag is a name that is written down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import yaml

from orepass.errors import ConfigError
from orepass.runnables.json_form import call, unmarked
from orepass.runnables.link import Link
from orepass.runnables.search_spaces import TAGS, make_space
from orepass.runnables.tree import Fields, Node, Place, refusal

LARGEST = 100_000
"""How many nodes a document may have when all aliases are written out."""

_STANDARD = "tag:yaml.org,2002:"
_MERGE = f"{_STANDARD}merge"
_DATA: Mapping[type[yaml.Node], set[str]] = {
    yaml.ScalarNode: {f"{_STANDARD}{name}" for name in ("null", "bool", "int", "float", "str")},
    yaml.SequenceNode: {f"{_STANDARD}seq"},
    yaml.MappingNode: {f"{_STANDARD}map"},
}
_UNREAD = {f"{_STANDARD}timestamp", f"{_STANDARD}value"}
_EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$")


class Loader(yaml.SafeLoader):
    """PyYAML's safe one, with scalars as in pipeline files: `1e-3` is a number, `2026-01-31` a text.

    And with tags as in YAML 1.2, where a comma or bracket ends them: `[!my_ext.A, !my_ext.B]`.
    """

    def scan_tag(self) -> yaml.TagToken:
        """The tag that begins here."""
        length = 1
        while self.peek(length) not in "\0 \t\r\n\x85\u2028\u2029,[]{}":
            length += 1
        tag = self.prefix(length)
        if not self.flow_level or not re.fullmatch("![^!<].*", tag):
            return super().scan_tag()
        start = self.get_mark()
        self.forward(length)
        return yaml.TagToken(("!", tag[1:]), start, self.get_mark())


Loader.add_implicit_resolver(f"{_STANDARD}float", _EXPONENT, list("-+0123456789"))
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _UNREAD]
    for first, resolvers in Loader.yaml_implicit_resolvers.items()
}


class Conversion:
    """From one composed document to a tree. An alias gives the same element as its anchor.

    Args:
        loader: what composed it.
        file: what places are to call it.
    """

    def __init__(self, loader: Loader, file: str) -> None:
        self._loader = loader
        self._file = file
        self._sizes: dict[int, int] = {}
        self._done: dict[int, Node] = {}

    def tree(self, root: yaml.Node) -> Node:
        """The tree of a document.

        Raises:
            ConfigError: names line and column of what is wrong.
        """
        self._check(root)
        return self._node(root)

    def place(self, node: yaml.Node) -> Place:
        """Where something is written."""
        return place_of(node.start_mark, self._file)

    def _check(self, node: yaml.Node) -> int:
        """How many nodes it has with aliases written out; raises what can be told before merging."""
        known = self._sizes.get(id(node))
        if known == 0:
            raise refusal(self.place(node), "This has itself in it, by an alias.")
        if known is not None:
            return known
        self._sizes[id(node)] = 0
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node)
        size = 1 + sum(map(self._check, _inner(node)))
        if size > LARGEST:
            raise refusal(self.place(node), f"With its aliases written out this has more than {LARGEST:,} nodes.")
        self._sizes[id(node)] = size
        return size

    def _check_keys(self, node: yaml.MappingNode) -> None:
        first: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if key.tag == _MERGE:
                continue
            if key.tag != f"{_STANDARD}str":
                told = repr(key.value) if isinstance(key, yaml.ScalarNode) else "of this mapping"
                raise refusal(self.place(key), f"The key {told} is no text, as YAML reads it. Put it in quotes.")
            if key.value in first:
                line = self.place(first[key.value]).line
                raise refusal(self.place(key), f"The key {key.value!r} is there already, in line {line}.")
            first[key.value] = key

    def _node(self, node: yaml.Node) -> Node:
        if id(node) not in self._done:
            self._done[id(node)] = self._converted(node)
        return self._done[id(node)]

    def _converted(self, node: yaml.Node) -> Node:
        place = self.place(node)
        if node.tag.startswith("!"):
            return self._tagged(node.tag[1:], node, place)
        if node.tag not in _DATA[type(node)]:
            raise refusal(
                place,
                f"The tag !!{node.tag.removeprefix(_STANDARD)} is not read: a document names what is to be built as "
                "!NAME or !MODULE.NAME.",
            )
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, node.tag)
        if isinstance(node, yaml.SequenceNode):
            return tuple(map(self._node, node.value))
        assert isinstance(node, yaml.MappingNode)
        return unmarked(*self._items(node), place)

    def _scalar(self, node: yaml.ScalarNode, tag: str) -> Node:
        plain = yaml.ScalarNode(tag, node.value, node.start_mark, node.end_mark)
        try:
            return self._loader.construct_object(plain)  # type: ignore[no-any-return]
        except (yaml.YAMLError, ValueError, LookupError) as error:
            raise refusal(self.place(node), f"{node.value!r} is no {tag.removeprefix(_STANDARD)}.") from error

    def _items(self, node: yaml.MappingNode) -> tuple[Mapping[str, Node], Mapping[str, Place]]:
        self._loader.flatten_mapping(node)
        # What is merged comes first, and is overridden by the keys of the mapping itself.
        pairs = {key.value: (key, value) for key, value in node.value}
        return (
            {name: self._node(value) for name, (_, value) in pairs.items()},
            {name: self.place(key) for name, (key, _) in pairs.items()},
        )

    def _tagged(self, tag: str, node: yaml.Node, place: Place) -> Node:
        if tag == "@":
            return Link.read(self._untagged(node), place)
        if tag in TAGS:
            return make_space(TAGS[tag], self._untagged(node), place)
        if isinstance(node, yaml.MappingNode):
            items, places = self._items(node)
            if "_target_" in items:
                raise refusal(place, f"!{tag} and _target_ both say what is to be built. Leave one of them out.")
            return call(tag, items, places, place)
        if isinstance(node, yaml.SequenceNode):
            return call(tag, {"_args_": tuple(map(self._node, node.value))}, {}, place)
        assert isinstance(node, yaml.ScalarNode)
        nothing = node.value == "" and node.style is None
        return call(tag, {} if nothing else {"_args_": (self._untagged(node),)}, {}, place)

    def _untagged(self, node: yaml.Node) -> Node:
        """What it would be without its tag."""
        if isinstance(node, yaml.ScalarNode):
            implicit = (node.style is None, node.style is not None)
            tag: str = self._loader.resolve(yaml.ScalarNode, node.value, implicit)  # type: ignore[no-untyped-call]
            return self._scalar(node, tag)
        if isinstance(node, yaml.SequenceNode):
            return tuple(map(self._node, node.value))
        assert isinstance(node, yaml.MappingNode)
        return Fields(*self._items(node))


def place_of(mark: yaml.Mark, file: str) -> Place:
    """A mark of PyYAML's as a place."""
    return Place(file, mark.line + 1, mark.column + 1)


def syntax_error(error: yaml.YAMLError, file: str) -> ConfigError:
    """The error for a text that is no YAML."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return ConfigError(f"{file} is no YAML: {error}")
    snippet = mark.get_snippet() or ""
    hint = " Inside of braces and brackets a link has to be quoted: !@ 'stage[key]'." if "!@" in snippet else ""
    return refusal(place_of(mark, file), f"This is no YAML: {error.problem}.{hint}")  # type: ignore[attr-defined]


def _inner(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield value
