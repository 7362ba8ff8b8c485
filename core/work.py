"""What a worker does: run one step, check and store its result, and report."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import socket
import traceback
from pathlib import Path
from typing import Any

import cloudpickle

from orepass import provenance
from orepass.call import Call, Failure, Listener, Outcome
from orepass.capture import let_speak, log_captured
from orepass.errors import InputError, OrepassError, ResultError
from orepass.key import NO_ELEMENT, SCHEME, make_keys
from orepass.layout import LOG
from orepass.progress_reports import listening
from orepass.record import Record
from orepass.run_environment import taken_over
from orepass.step import Step
from orepass.step_folder import checkpoints_in, working_in

_TAIL_LINES = 20
_HELP_MODULES = ("orepass.learn", "orepass.tasks")  # what these log is part of what a step has to say


def perform(call: Call, listener: Listener | None = None, *, own_process: bool = False) -> Outcome:
    """Run a step and store its result.

    Args:
        call: what to run.
        listener: gets progress and log lines while it runs.
        own_process: this process runs nothing else, so its standard output belongs to the step's log.
    """
    step = call.step
    cost = provenance.measure()
    started = datetime.datetime.now(datetime.UTC)
    try:
        step.store.begin(call.partial, step.entry, provenance.job_id())
        with (
            let_speak({step.module.function.__module__, *_HELP_MODULES}),
            log_captured(call.partial / LOG, listener, own_process),
            working_in(call.partial),
            checkpoints_in(step.entry.checkpoints),
            listening(listener),
            taken_over(call.variables),
        ):
            value = step.module.function(*step.arguments)
        used = cost()
        _check_inputs(step)
        result = _checked(call, value)
        outputs = step.store.outputs_of(call.partial)
        if not outputs and (call.partial / LOG).exists() and not (call.partial / LOG).stat().st_size:
            (call.partial / LOG).unlink()
        record = Record(
            key=step.key.digest,
            scheme=SCHEME,
            module=step.module.name,
            version=step.module.cache_version,
            function=step.module.reference,
            source=step.module.source_digest,
            canonical=step.key.config,
            canonical_element=step.key.element,
            config=for_people(step.config),
            element=None if step.element is NO_ELEMENT else for_people(step.element),
            result=result,
            outputs=outputs,
            started=started.isoformat(),
            host=socket.gethostname(),
            pid=os.getpid(),
            job_id=provenance.job_id(),
            flow_run_id=call.flow_run_id,
            task_run_id=call.task_run_id,
            packages=dict(provenance.packages()),
            git_commit=provenance.git_commit(step.module.folder) if step.module.folder else None,
            **dataclasses.asdict(used),
        )
        step.store.commit(call.partial, step.entry, record)
    except (Exception, SystemExit) as error:
        return Outcome(cost().seconds, _failure(call, error))
    return Outcome(used.seconds)


def _check_inputs(step: Step) -> None:
    """See that the inputs are still those that the key was made of, or the result would stand under a wrong key."""
    again = make_keys(
        step.module.name,
        step.module.cache_version,
        step.module.config_for_key(step.config),
        [step.element],
        step.store.digest,
    )
    if next(again).digest != step.key.digest:
        raise InputError(
            f"An input of {step.label} was changed between the start of the run and the end of the step, so nobody "
            "knows what the result is made of. Run again when the inputs do not change."
        )


def tail(path: Path) -> str:
    """The last lines of a log; empty if there is none."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_TAIL_LINES:])


def for_people(value: Any) -> Any:
    """A configuration as JSON values that a person can read; it need not be exact."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: for_people(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {for_people(str(key)): for_people(member) for key, member in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [for_people(member) for member in value]
    if value is None or type(value) in (bool, float) or (type(value) is int and abs(value) < 2**53):
        return value
    return str(value).encode(errors="backslashreplace").decode()


def _checked(call: Call, value: Any) -> Any:
    """The JSON form of what the function returned, after the module's own validation of it."""
    step = call.step
    root = step.store.root
    try:
        result = step.module.codec.encode(value, call.partial, root)
        step.validate(step.module.codec.decode(result, call.partial, root))
    except ResultError as error:
        error.add_note(f"The result that {step.label} returned: {str(value)[:500]}")
        raise
    return result


def _failure(call: Call, error: BaseException) -> Failure:
    trace = "".join(traceback.format_exception(error))
    before = tail(call.partial / LOG)
    with contextlib.suppress(OSError), open(call.partial / LOG, "a") as file:
        file.write(trace)
    # An error raised on purpose says what is wrong; where in the code that was noticed is no news.
    log = before if isinstance(error, OrepassError) else tail(call.partial / LOG) or trace
    kept = call.step.store.discard(call.partial, call.step.entry)
    try:
        pickled = cloudpickle.dumps(error)
    except Exception:
        pickled = None  # the message and the log tell the same
    return Failure(f"{type(error).__name__}: {error}", log, kept, socket.gethostname(), pickled, provenance.job_id())
