"""Adapters: functions that arrange what some modules gave for those that come next.

    @adapter
    def text_shards(text: Input[Sequence[Path]]) -> list[TextShard]: ...

An adapter is called in the process of the flow whenever its result is wanted, and nothing of it is stored: it has to be
quick, and a pure function of what it is given. In a pipeline it stands where a module can stand; elsewhere it is the
function that it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from orepass.errors import OrepassError, StepError
from orepass.pipelines.signature import Signature, signature_of_function

P = ParamSpec("P")
R = TypeVar("R")


class Adapter(Generic[P, R]):
    """A function that can stand in a pipeline; make one with `adapter`.

    Attributes:
        function: the function.
        name: its name.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        update_wrapper(self, function)
        self.function = function
        self.name = function.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function."""
        return self.function(*args, **kwargs)

    def arrange(self, label: str, values: Mapping[str, Any]) -> R:
        """Call the function at its place in a pipeline.

        Args:
            label: of the place.
            values: the arguments by name.

        Raises:
            StepError: the function failed.
        """
        try:
            return self.function(**values)  # type: ignore[call-arg]
        except OrepassError:
            raise
        except Exception as error:
            raise StepError(f"{label}: the adapter {self.name} failed: {type(error).__name__}: {error}") from error

    @cached_property
    def reference(self) -> str:
        """Where the function is defined, `package.module:name`."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @cached_property
    def signature(self) -> Signature:
        """What it takes and gives."""
        return signature_of_function(self.function)


def adapter(function: Callable[P, R]) -> Adapter[P, R]:
    """Make an adapter of a function; the parameters that other modules fill are annotated as `Input[...]`."""
    return Adapter(function)
