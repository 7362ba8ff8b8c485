"""Modules: steps that are Prefect tasks, and whose results are kept under a key made of their configuration."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import shutil
import sys
import tempfile
import textwrap
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, overload

import xxhash
from omegaconf import Container
from prefect import Task
from prefect.context import FlowRunContext, TaskRunContext

from orepass.canonical import resolved
from orepass.codec import Codec
from orepass.config import load
from orepass.errors import ConfigError, OrepassError
from orepass.forked import let_forked_processes_end
from orepass.key import NO_ELEMENT
from orepass.persistence import ModuleSerializer, StoreFileSystem, modules, path_of
from orepass.pipelines.signature import Signature, signature_of_module
from orepass.requirements import Requirements
from orepass.schedule import schedule
from orepass.step_folder import checkpoints_in, current_workdir, working_in
from orepass.submitted import run_submitted, step_of

P = ParamSpec("P")
R = TypeVar("R")

let_forked_processes_end()

_NAME = re.compile(r"[A-Za-z0-9_][\w.:-]*")

Validate = Callable[[Any, Any, Any], bool]
ConfigForCache = Callable[[Any], Mapping[str, Any]]


class Module(Task[P, R], Generic[P, R]):
    """A step: configuration to key to stored result. Make one with `module`.

    It is a Prefect task: `submit`, `map`, `with_options`, retries, hooks and tags work, with the same keys and the
    same store. Called outside of any flow it is a plain function call. In a flow, `schedule` is the way that
    computes only what is missing, on the launcher's workers.

    Attributes:
        function: the undecorated function.
        validate: the check of an output, or None.
        codec: reads and writes its results.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        version: str | Callable[[], str] = "1",
        requires: Requirements | Callable[[Any], Requirements] = Requirements(),  # noqa: B008  (frozen)
        validate: Validate | None = None,
        config_for_cache: ConfigForCache | None = None,
        default_output: str | None = None,
        **task_options: Any,
    ) -> None:
        _check_signature(function)
        _check_name(name or function.__name__)
        self.function = function
        self.cache_version = version if isinstance(version, str) else version()
        self.requires = requires
        self.validate = validate
        self._config_for_cache = config_for_cache
        self._default_output = default_output
        self._saved_storage: Any = None

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            return typing.cast(R, run_submitted(self, *args, **kwargs))

        super().__init__(
            run,
            name=name or function.__name__,
            version=self.cache_version,
            cache_key_fn=functools.partial(_prefect_key, self),
            result_serializer=ModuleSerializer(),
            cache_result_in_memory=False,
            **task_options,
        )
        self._register()

    def _register(self) -> None:
        other = modules.get(self.name)
        if other is not None and other.origin != self.origin:
            raise ConfigError(
                f"Two modules are called {self.name!r}: {other.reference} and {self.reference}. They would share "
                "results; give one of them another name with module(name=...)."
            )
        modules[self.name] = self

    # What Prefect sees -------------------------------------------------------------------------------------------

    @property
    def result_storage(self) -> Any:
        """The store, as Prefect writes to it."""
        return self._saved_storage or StoreFileSystem()

    @result_storage.setter
    def result_storage(self, storage: Any) -> None:
        self._saved_storage = storage

    def with_options(self, **options: Any) -> Module[P, R]:
        """A copy with other options: those of `prefect.Task.with_options`, and `requires`.

        Raises:
            ConfigError: another `name`, which would be another key.
        """
        if options.get("name", self.name) != self.name:
            raise ConfigError("A module's name is in its keys and cannot be changed. Use schedule(..., label=...).")
        requires = options.pop("requires", self.requires)
        # Prefect accepts only saved blocks as an option; the property above gives ours without.
        task = super().with_options(**{"result_storage": self._saved_storage, **options})
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(task.__dict__)
        copy.requires = requires
        return copy

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module: as a Prefect task in a flow, as a plain function elsewhere."""
        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return self._plain_call(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def _plain_call(self, *args: Any, **kwargs: Any) -> Any:
        outer = current_workdir()  # a module that is called by another one's function works in a folder inside of it
        folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=outer))
        try:
            with working_in(folder), checkpoints_in(None):
                return self.function(*args, **kwargs)
        finally:
            if not any(folder.iterdir()):
                shutil.rmtree(folder)

    def __reduce__(self) -> Any:
        """Travel by name where the other side can import the name."""
        try:
            importable = not self.reference.startswith("__main__:") and resolve(self.reference) is self
        except OrepassError:
            importable = False
        if importable:
            return resolve, (self.reference,)
        # What the source file and its other names tell is looked up now: the other side has only the function.
        _ = self.codec, self.config_type, self.source_digest, self.origin
        return _bare, (type(self),), self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Be known in the process that this came to."""
        self.__dict__.update(state)
        modules.setdefault(self.name, self)

    # What the cache goes by --------------------------------------------------------------------------------------

    @cached_property
    def reference(self) -> str:
        """Where the function is defined, `package.module:name`."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @cached_property
    def origin(self) -> tuple[str, str]:
        """The function's file and name: the same for a script that is run and for one that is imported."""
        return (inspect.getsourcefile(self.function) or "", self.function.__qualname__)

    @cached_property
    def folder(self) -> Path | None:
        """The folder of the function's file, if it has one."""
        file = Path(self.origin[0])
        return file.resolve().parent if file.is_file() else None

    @cached_property
    def source_digest(self) -> str:
        """Digest of the function's source text."""
        source = textwrap.dedent(self.source_code or "") or self.function.__code__.co_code.hex()
        return xxhash.xxh3_128_hexdigest(source.encode())

    @cached_property
    def codec(self) -> Codec:
        """Reads and writes the module's results."""
        return Codec(self._hints.get("return"))

    @cached_property
    def config_type(self) -> Any:
        """The type of the configuration, as annotated."""
        first = next(iter(inspect.signature(self.function).parameters))
        return self._hints.get(first)

    @cached_property
    def signature(self) -> Signature:
        """What it takes and gives, by name."""
        return signature_of_module(self.function, self.config_type, self._hints.get("return"), self._default_output)

    @cached_property
    def default_element(self) -> Any:
        """What the function takes for its element if it is called without one; `NO_ELEMENT` if it has to have one."""
        second = [*inspect.signature(self.function).parameters.values(), None][1]
        return NO_ELEMENT if second is None or second.default is second.empty else second.default

    @cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return typing.get_type_hints(self.function)
        except NameError as error:
            raise ConfigError(
                f"The annotations of {self.reference} cannot be read: {error}. A class that a module's annotations "
                "name must be importable at run time, at the top of its file, not only for type checking."
            ) from error

    def typed(self, config: Any) -> Any:
        """The configuration as the dataclass that the function expects, from one, a mapping or a DictConfig.

        Raises:
            ConfigError: options that are unknown, missing or of the wrong type.
        """
        if is_dataclass(self.config_type) and isinstance(self.config_type, type):
            return load(self.config_type, config)
        return resolved(config, self.name) if isinstance(config, Container) else config

    def config_for_key(self, config: Any) -> Any:
        """What of a configuration decides the result."""
        return config if self._config_for_cache is None else self._config_for_cache(config)

    def requirements(self, config: Any) -> Requirements:
        """What a run with this configuration needs; its own `timeout_min` wins."""
        needs = self.requires(config) if callable(self.requires) else self.requires
        own = config.get("timeout_min") if isinstance(config, Mapping) else getattr(config, "timeout_min", None)
        if own is None:
            return needs
        return Requirements(needs.cpus, needs.gpus, needs.mem_gb, float(own))

    # Running -----------------------------------------------------------------------------------------------------

    @overload
    async def schedule(self, config: Any, over: None = None, *, label: str | None = None) -> R: ...

    @overload
    async def schedule(self, config: Any, over: Sequence[Any], *, label: str | None = None) -> list[R]: ...

    async def schedule(self, config: Any, over: Sequence[Any] | None = None, *, label: str | None = None) -> Any:
        """Get the result for a configuration: from the store, or computed on the launcher's workers.

        Args:
            config: the configuration; a mapping or DictConfig is converted.
            over: the elements of an array; the function is called with the configuration and each of them.
            label: what to call these runs, such as `embed_text.fr`; the module's name, if not given.

        Returns:
            The result, or the list of results in the order of `over`.

        Raises:
            ConfigError: the configuration cannot be used.
            StepError: the step failed. What it wrote is removed, its log is kept.
            ArrayError: some elements failed; the others are stored, and the next run computes only the failed ones.
        """
        return await schedule(self, config, over, label or self.name)


@overload
def module(function: Callable[P, R], /) -> Module[P, R]: ...


@overload
def module(
    *,
    name: str | None = None,
    version: str | Callable[[], str] = "1",
    requires: Requirements | Callable[[Any], Requirements] = ...,
    validate: Validate | None = None,
    config_for_cache: ConfigForCache | None = None,
    default_output: str | None = None,
    **task_options: Any,
) -> Callable[[Callable[P, R]], Module[P, R]]: ...


def module(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a module of a function `f(config)` or, for arrays, `f(config, element)`.

    Args:
        function: a plain function; what it writes goes to `workdir()`, what it returns is stored as JSON.
        **options: of the module, and any of `prefect.task`. `name` (default: the function's) must be unique.
            `version`, a string or a function, is to be raised when the code changes in a way that changes results.
            `requires` is a `Requirements`, or a function of the configuration that gives one.
            `validate(output, config, element) -> bool` checks what is computed and what is found in the store.
            `config_for_cache(config)` gives the mapping that is hashed instead of the configuration.
            `default_output` is the field of the result that a pipeline takes where it names none; all of it, if not
            given.
    """
    if function is not None:
        return Module(function, **options)
    return lambda function: Module(function, **options)


def resolve(reference: str) -> Module[..., Any]:
    """The module that `package.module:name` names.

    Raises:
        ConfigError: there is none.
    """
    place, _, name = reference.partition(":")
    try:
        # Not `import_module` for what is there already: a script may be half way through its own import.
        found: Any = sys.modules.get(place) or importlib.import_module(place)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"No module {reference!r}: {error}") from error
    if not isinstance(found, Module):
        raise ConfigError(f"{reference!r} is a {type(found).__name__}, not a module. Decorate it with @module.")
    return found


def _bare(kind: type[Module[..., Any]]) -> Module[..., Any]:
    return kind.__new__(kind)


def _prefect_key(of: Module[..., Any], context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    """The key as Prefect's engine asks for it; sets a stored result that cannot be used aside on the way."""
    try:
        step = step_of(of, *parameters.values())
        step.look_up()
    except OrepassError:
        return None  # the run itself raises the same, and loudly
    return path_of(of.name, step.key.digest)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"A module cannot be called {name!r}: use letters, digits and . _ : - (it names a folder).")


def _check_signature(function: Callable[..., Any]) -> None:
    if inspect.iscoroutinefunction(function):
        raise ConfigError(
            f"{function.__qualname__} is a coroutine function; a module is a plain function `f(config)` that workers "
            "call. Compose modules in an async flow instead."
        )
    count = len(inspect.signature(function).parameters)
    if count not in (1, 2):
        raise ConfigError(
            f"{function.__qualname__} takes {count} parameters; a module is `f(config)` or `f(config, element)`."
        )
