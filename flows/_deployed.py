"""Runs of the command line as runs of their deployment, so that the Retry button of the Prefect UI works on them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Pending

from orepass.blocks.launchers.default import ENVIRONMENT_VARIABLE as LAUNCHER
from orepass.blocks.launchers.default import as_text
from orepass.errors import ServerError
from orepass.server import Say, password_wanted
from orepass.store import ENVIRONMENT_VARIABLE as STORE
from orepass.store import current_store

_ANY = "any"


async def deployed_run(
    flow: Flow[..., Any], parameters: dict[str, Any], launcher: Mapping[str, Any], say: Say
) -> FlowRun | None:
    """Make a run of the flow's deployment for this process to run.

    It is the one that is named like the launcher, such as `mining/slurm`, else the one for any launcher, `search/any`.

    Prefect retries only runs of deployments. A worker that retries this one uses the same store, launcher and working
    directory; parameters are those of the run.

    Args:
        flow: what is run.
        parameters: the flow's, as plain JSON.
        launcher: `name` and options.
        say: gets one line if there is a deployment, but no run of it can be made.

    Returns:
        The run; None where there is no such deployment, or the server refuses.

    Raises:
        ServerError: the server asks for a password.
    """
    here = {
        "working_dir": str(Path.cwd()),
        "env": {LAUNCHER: as_text(launcher), STORE: str(current_store().root)},
    }
    name = flow.name
    try:
        async with get_client() as client:
            for name in (f"{flow.name}/{launcher['name']}", f"{flow.name}/{_ANY}"):
                with suppress(ObjectNotFound):
                    deployment = await client.read_deployment_by_name(name)
                    return await client.create_flow_run_from_deployment(
                        deployment.id, parameters=parameters, job_variables=here, state=Pending()
                    )
    except PrefectHTTPStatusError as error:
        if error.response.status_code == HTTPStatus.UNAUTHORIZED:
            raise ServerError(password_wanted(error)) from error
        _say_why(say, name, error)
    except Exception as error:  # whatever the server's trouble with it is, the run itself does not need a deployment
        _say_why(say, name, error)
    return None


def _say_why(say: Say, name: str, error: Exception) -> None:
    say(f"This run will have no Retry button, because it cannot be a run of {name}: {error!s:.300}")
