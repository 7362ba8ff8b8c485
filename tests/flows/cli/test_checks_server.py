from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import prefect
import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from orepass.flows.cli._checks_server import check_server


@pytest.mark.usefixtures("api")
def test_a_server_that_is_configured() -> None:
    (found,) = check_server()
    assert found.state == "ok" and found.found.startswith(f"Prefect {prefect.__version__} at http://127.0.0.1:")


def test_a_server_in_the_background(server: str) -> None:
    (found,) = check_server()
    assert found.found == f"Prefect {prefect.__version__} at {server}, in the background of this machine"


@pytest.mark.parametrize(
    ("url", "words"), [("localhost:4200", "is no address"), ("http://me:opensesame@h/api", "holds a user name")]
)
def test_an_address_that_cannot_be_used(url: str, words: str) -> None:
    with temporary_settings({PREFECT_API_URL: url}):
        (found,) = check_server()
    assert found.state == "trouble" and words in found.found and "opensesame" not in str(found)


class _Answering(BaseHTTPRequestHandler):
    """Answers with the status and the text that the path begins with, `/401/"3.0.0"/...`; 200 for a password."""

    def do_GET(self) -> None:
        _, status, text, _ = self.path.replace("%22", '"').split("/", 3)
        self.send_response(200 if self.headers["Authorization"] == _PASSWORD else int(status))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass


_PASSWORD = f"Basic {base64.b64encode(b'team:opensesame').decode()}"


@pytest.fixture
def answering() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answering) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ('200/"3.0.0"', "warning", f"here is Prefect {prefect.__version__}"),
        ('200/"3.999"', "ok", "Prefect 3.999 at http"),
        ('200/"2.20.0"', "trouble", f"here is Prefect {prefect.__version__}"),
        ("200/welcome", "trouble", "no answer"),
        ("200/1", "trouble", "no answer"),
        ("401/x", "trouble", "does not let us in"),
        ("404/x", "ok", "does not say its version"),
        ("500/x", "warning", "HTTP 500"),
    ],
)
def test_what_a_server_answers(answering: str, answer: str, state: str, words: str) -> None:
    with temporary_settings({PREFECT_API_URL: f"{answering}/{answer}/api"}):
        (found,) = check_server()
    assert found.state == state and words in found.found
    assert (found.do is None) == (state == "ok")


def test_the_password_is_shown_to_the_server_alone(answering: str) -> None:
    settings = {PREFECT_API_URL: f'{answering}/401/"3.999"/api', PREFECT_API_AUTH_STRING: "team:opensesame"}
    with temporary_settings(settings):
        (found,) = check_server()
    assert found.state == "ok" and "opensesame" not in str(found)
