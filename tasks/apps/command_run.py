"""A command of a user's, run over the sentences of one shard as an app, inside of a step."""

from __future__ import annotations

import shlex
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orepass import workdir
from orepass.errors import AppError, InputError
from orepass.runner import Handle, default_scheduler, get_runner
from orepass.runner.handle import new_app_id
from orepass.tasks.apps.command import CommandOptions, check_command, make_app
from orepass.tasks.apps.running import run_in_step

_LAST_LINES = 20


@dataclass(frozen=True)
class Written:
    """What a command wrote.

    Attributes:
        path: the file.
        sentences: how many sentences it was given.
        words: the command.
        shard: where the sentences come from.
        stderr: gives the lines that it wrote to stderr.
    """

    path: Path
    sentences: int
    words: Sequence[str]
    shard: Path
    stderr: Callable[[], Iterable[str]]

    def refused(self, problem: str) -> InputError:
        """The error of a command whose output is not what it has to be.

        Args:
            problem: whole sentences that begin with what it did, such as `wrote nothing. It has to ...`.
        """
        last = deque((line for line in self.stderr() if line.strip()), _LAST_LINES)
        told = "\n    ".join(["The last lines of its stderr:", *last]) if last else "Its stderr is empty."
        return InputError(f"The command `{shlex.join(self.words)}`, given {str(self.shard)!r}, {problem}\n{told}")


@contextmanager
def command_run(
    name: str, words: Sequence[str], options: CommandOptions, shard: Path, batches: Iterable[Sequence[str]]
) -> Iterator[Written]:
    """Run a command over sentences; what it wrote is there until the context is left.

    If that goes well, the scheduler forgets the app, of which there may be one for each of many shards.

    Args:
        name: what the app is called.
        words: the command.
        options: how it runs.
        shard: where the sentences come from, for messages.
        batches: the sentences, none of which has a line end in it.

    Raises:
        ConfigError: it cannot run.
        AppError: it failed.
    """
    check_command(words, options)  # here, because a shell that redirects its files would be found
    with tempfile.TemporaryDirectory(dir=workdir(), prefix="command-") as folder:
        source, target = Path(folder, "input.txt"), Path(folder, "output")
        count = 0
        with source.open("wb") as file:
            for batch in batches:
                file.write("\n".join([*batch, ""]).encode())
                count += len(batch)
        scheduler, app_id = options.scheduler or default_scheduler(), new_app_id(name)
        app = make_app(name, words, options, (source, target))
        try:
            run_in_step(app, scheduler, options.scheduler_options, app_id)
        except AppError as error:
            raise AppError(f"The command `{shlex.join(words)}`, given {str(shard)!r}, failed. {error}") from error
        runner = get_runner(scheduler_options={scheduler: options.scheduler_options})
        handle = str(Handle(scheduler, runner.session, app_id))
        yield Written(target, count, words, shard, lambda: runner.log_lines(handle, streams="stderr"))
        runner.forget(handle)
