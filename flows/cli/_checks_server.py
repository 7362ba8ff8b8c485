"""The Prefect server that a flow would talk to. None is started."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import prefect
from packaging.version import Version
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings

from orepass.flows.cli._checks import Finding, State
from orepass.server import background_server

_CHECK = "Prefect server"
_WITHIN_S = 5.0
_LOGIN = "Set PREFECT_API_AUTH_STRING to USER:PASSWORD, or for Prefect Cloud PREFECT_API_KEY."


def check_server() -> list[Finding]:
    """Look at the server that is configured, else at the one that an earlier run left running."""
    ours = prefect.__version__
    configured = get_current_settings().api.url
    if configured:
        return [_configured(configured)]
    url = background_server()
    if url is None:
        found = f"none is configured and none runs: a flow starts one (Prefect {ours}) on this machine"
        return [Finding(_CHECK, "ok", found)]
    restart = "Stop it (prefect server stop): the next flow starts another."
    return [_asked(url, f"{url}, in the background of this machine", restart, restart)]


def _configured(url: str) -> Finding:
    if not url.startswith(("http://", "https://")):
        remedy = "Set PREFECT_API_URL to http://HOST:PORT/api, or unset it."
        return Finding(_CHECK, "trouble", f"PREFECT_API_URL={url!r} is no address", remedy)
    if urlsplit(url).username:
        remedy = "Put USER:PASSWORD into PREFECT_API_AUTH_STRING instead."
        return Finding(_CHECK, "trouble", "PREFECT_API_URL holds a user name, and Prefect logs addresses", remedy)
    silent = "Start it (prefect server start), or correct PREFECT_API_URL or unset it."
    other = f"Install Prefect {prefect.__version__} where the server runs, and restart it."
    return _asked(url, f"{url} (PREFECT_API_URL)", silent, other)


def _asked(url: str, where: str, if_silent: str, if_other: str) -> Finding:
    try:
        version = Version(_version(url))
    except httpx.HTTPStatusError as error:
        return _refused(where, error.response.status_code)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError) as error:  # the last two: no Prefect server
        return Finding(_CHECK, "trouble", f"no answer from {where}: {type(error).__name__}: {error}", if_silent)
    state = _state(version, Version(prefect.__version__))
    found = f"Prefect {version} at {where}"
    if state == "ok":
        return Finding(_CHECK, state, found)
    return Finding(_CHECK, state, f"{found}; here is Prefect {prefect.__version__}", if_other)


def _version(url: str) -> str:
    # Prefect's own client, for its certificates, proxies and passwords.
    settings = get_current_settings().api
    client = SyncPrefectClient(
        url,
        auth_string=settings.auth_string.get_secret_value() if settings.auth_string else None,
        api_key=settings.key.get_secret_value() if settings.key else None,
        httpx_settings={"timeout": _WITHIN_S},
    )
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), client:
        return client.api_version()


def _refused(where: str, code: int) -> Finding:
    if code in (401, 403):
        return Finding(_CHECK, "trouble", f"{where} does not let us in (HTTP {code})", _LOGIN)
    if code == 404:  # Prefect Cloud has no version
        return Finding(_CHECK, "ok", f"{where} answers, but does not say its version")
    return Finding(_CHECK, "warning", f"{where} answers with HTTP {code}", "See the server's log.")


def _state(server: Version, ours: Version) -> State:
    """Prefect's own rule: the first number has to be the same, and the server is not to be the older one."""
    if server.major != ours.major:
        return "trouble"
    return "warning" if server < ours else "ok"
