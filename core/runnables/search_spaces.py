"""Search spaces: values that a search is to choose, as far as Optuna can suggest them.

`TAGS` has them by the name of their tag, and by a shorter one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, ClassVar, Self

from orepass.runnables.tree import Element, Fields, Key, Node, Place, freeze, parts_of, refusal


@dataclass(frozen=True)
class Space(Element):
    """Base of all search spaces."""

    tag: ClassVar[str]
    short: ClassVar[str]


@dataclass(frozen=True)
class _Values(Space):
    values: tuple[Node, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.values, (list, tuple)):
            raise refusal(
                self.place,
                f"!{self.tag} takes a list of values, as in !{self.tag} [1, 2, 3]. All values between two are for "
                "!uniform, !loguniform and !int.",
            )
        object.__setattr__(self, "values", freeze(self.values))
        if not self.values:
            raise refusal(self.place, f"!{self.tag} has no values to choose from. Give at least one.")
        if inner := next(_spaces_in(self.values), None):
            raise refusal(
                inner.place or self.place,
                f"!{inner.tag} stands inside of !{self.tag}, whose members have to be values. Write out the values, or "
                "make it a search space of its own.",
            )

    def parts(self) -> Mapping[Key, Node]:
        """The values."""
        return dict(enumerate(self.values))

    def with_parts(self, parts: Mapping[Key, Node]) -> Self:
        """The same with other values."""
        return replace(self, values=tuple(parts[i] for i in range(len(self.values))))


@dataclass(frozen=True)
class Grid(_Values):
    """Values that are all to be tried."""

    tag, short = "grid", "g"


@dataclass(frozen=True)
class Choice(_Values):
    """Values of which some are to be tried."""

    tag, short = "choice", "c"


@dataclass(frozen=True)
class Uniform(Space):
    """Numbers from `low` to `high`; only every `step` one, if given."""

    tag, short = "uniform", "u"

    low: float
    high: float
    step: float | None = None

    def __post_init__(self) -> None:
        _check_numbers(self, (int, float))
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise refusal(self.place, f"!{self.tag}: step is {self.step}. Give one from above 0 to high - low.")


@dataclass(frozen=True)
class LogUniform(Space):
    """Numbers from `low` to `high` whose logarithm is uniform."""

    tag, short = "loguniform", "lu"

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_numbers(self, (int, float))
        _check_positive(self, self.low)


@dataclass(frozen=True)
class Integers(Space):
    """Whole numbers from `low` to `high`, both included: every `step` one, or uniform in their logarithm."""

    tag, short = "int", "i"

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        _check_numbers(self, (int,))
        if not 0 < self.step <= self.high - self.low:
            raise refusal(self.place, f"!{self.tag}: step is {self.step}. Give one from 1 to high - low.")
        if not isinstance(self.log, bool):
            raise refusal(self.place, f"!{self.tag}: log is {self.log!r}. Give true or false.")
        if self.log:
            _check_positive(self, self.low)
            if self.step != 1:
                raise refusal(self.place, f"!{self.tag}: with log, step has to be 1. Leave one of them out.")


SPACES: tuple[type[Space], ...] = (Grid, Choice, Uniform, LogUniform, Integers)
TAGS: Mapping[str, type[Space]] = {name: kind for kind in SPACES for name in (kind.tag, kind.short)}


def make_space(kind: type[Space], given: Node, place: Place | None = None) -> Space:
    """A search space of what is written after its tag.

    Args:
        kind: which one.
        given: the list of values; or the bounds, as a list or by name.
        place: where it is written.

    Raises:
        ConfigError: they are not what it takes, or mean nothing.
    """
    if issubclass(kind, _Values):
        return kind(given, place=place)  # type: ignore[arg-type]  # it checks
    options = {option.name: option for option in fields(kind) if not option.kw_only}
    names = list(options)
    values: Mapping[str, Any] = dict(given) if isinstance(given, Fields) else {}
    if isinstance(given, tuple) and len(given) <= len(names):
        values = dict(zip(names, given, strict=False))
    missing = [name for name, option in options.items() if option.default is MISSING and name not in values]
    if missing or not values.keys() <= options.keys():
        raise refusal(place, f"!{kind.tag} takes {_usage(names)}, or the same by name: {{low: 0, high: 1}}.")
    return kind(**values, place=place)


def _usage(names: list[str]) -> str:
    return " or ".join(f"[{', '.join(names[:length])}]" for length in range(2, len(names) + 1))


def _spaces_in(node: Node) -> Iterator[Space]:
    if isinstance(node, Space):
        yield node
    for part in parts_of(node).values():
        yield from _spaces_in(part)


def _check_numbers(space: Uniform | LogUniform | Integers, kinds: tuple[type, ...]) -> None:
    for name in ("low", "high", "step"):
        value: Any = getattr(space, name, None)
        if value is None and name == "step" and not isinstance(space, Integers):
            continue
        if type(value) not in kinds or not abs(value) <= sys.float_info.max:  # so neither infinite nor NaN
            wanted = "a number" if float in kinds else "a whole number"
            raise refusal(space.place, f"!{space.tag}: {name} is {value!r}. Give {wanted}.")
        if float in kinds:
            object.__setattr__(space, name, float(value))
    if not space.low < space.high:
        raise refusal(
            space.place, f"!{space.tag}: low is {space.low}, high is {space.high}. The first has to be the smaller one."
        )


def _check_positive(space: Space, low: float) -> None:
    if low <= 0:
        raise refusal(space.place, f"!{space.tag}: low is {low}, which has no logarithm. Give one above 0.")
