"""Whether what one module gives is what another one takes: datatypes are Python types, as annotations have them."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar, Union

_SEQUENCES = (list, tuple, Sequence, Collection, Iterable)
_SETS = (set, frozenset)


def fits(given: Any, required: Any) -> bool:
    """Whether every value of one datatype can be used where another one is required.

    A subclass fits its base, every member of a union has to fit, one member of a required union is enough; lists,
    tuples and sequences are all the same, and so are the members of these to be. `Any` fits, and is fitted by,
    everything.

    Args:
        given: the datatype of an output.
        required: the datatype of an input.
    """
    given, required = _plain(given), _plain(required)
    if Any in (given, required) or required is object or isinstance(given, TypeVar) or isinstance(required, TypeVar):
        return True
    if _is_union(given):
        return all(fits(member, required) for member in typing.get_args(given))
    if _is_union(required):
        return any(fits(given, member) for member in typing.get_args(required))
    if typing.get_origin(given) is typing.Literal:
        if typing.get_origin(required) is typing.Literal:
            return set(typing.get_args(given)) <= set(typing.get_args(required))
        return all(fits(type(value), required) for value in typing.get_args(given))
    if _is_sequence(required) and (typing.get_origin(required) or required) in _SEQUENCES:
        return (_is_sequence(given) or _is_set_for(given, required)) and _members_fit(given, required)
    return _class_fits(given, required)


def member(datatype: Any) -> Any:
    """What a sequence is of; None if the datatype is no sequence, and `Any` of `Any`."""
    datatype = _plain(datatype)
    if datatype is Any:
        return Any
    if _is_union(datatype):
        members = [member(part) for part in typing.get_args(datatype) if part is not types.NoneType]
        return Union[tuple(members)] if members and all(found is not None for found in members) else None  # noqa: UP007
    if not _is_sequence(datatype) and (typing.get_origin(datatype) or datatype) not in _SETS:
        return None
    parts = [part for part in typing.get_args(datatype) if part is not ...]
    return Union[tuple(parts)] if parts else Any  # noqa: UP007


def spelled(datatype: Any) -> str:
    """A datatype as people write it."""
    datatype = _plain(datatype)
    if datatype is types.NoneType:
        return "None"
    if datatype is ...:
        return "..."
    if _is_union(datatype):
        return " | ".join(spelled(part) for part in typing.get_args(datatype))
    origin, parts = typing.get_origin(datatype), typing.get_args(datatype)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, parts))}]"
    name = getattr(origin or datatype, "__name__", str(datatype))
    return f"{name}[{', '.join(spelled(part) for part in parts)}]" if parts else name


def _plain(datatype: Any) -> Any:
    """Without what only annotates it."""
    if typing.get_origin(datatype) is typing.Annotated:
        return _plain(typing.get_args(datatype)[0])
    if isinstance(datatype, typing.NewType):
        return _plain(datatype.__supertype__)
    return types.NoneType if datatype is None else datatype


def _is_union(datatype: Any) -> bool:
    return typing.get_origin(datatype) in (Union, types.UnionType)


def _is_sequence(datatype: Any) -> bool:
    kind = typing.get_origin(datatype) or datatype
    return kind in _SEQUENCES or (isinstance(kind, type) and issubclass(kind, (list, tuple)))


def _is_set_for(given: Any, required: Any) -> bool:
    """Whether a set is given where the order does not count."""
    kind = typing.get_origin(required) or required
    return kind in (Collection, Iterable) and (typing.get_origin(given) or given) in _SETS


def _members_fit(given: Any, required: Any) -> bool:
    wanted, there = typing.get_args(required), typing.get_args(given)
    if (typing.get_origin(required) or required) is tuple and wanted and ... not in wanted:  # of a fixed length
        fixed = (typing.get_origin(given) or given) is tuple and ... not in there and len(there) == len(wanted)
        return fixed and all(map(fits, there, wanted))
    return fits(member(given), member(required))


def _class_fits(given: Any, required: Any) -> bool:
    here, there = typing.get_origin(given) or given, typing.get_origin(required) or required
    if not (isinstance(here, type) and isinstance(there, type)):
        return bool(given == required)
    try:
        if not (issubclass(here, there) or (here, there) == (int, float)):
            return False
    except TypeError:  # a TypedDict, or a Protocol that cannot be looked at
        return bool(given == required)
    wanted, have = typing.get_args(required), typing.get_args(given)
    if not wanted or not have or not issubclass(there, (Mapping, set, frozenset)):
        return True
    return len(wanted) == len(have) and all(map(fits, have, wanted))
