"""`fastagentic dashboard`: what it says when it starts, and when it cannot."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from .asking import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

WAIT_S = 30


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "box.example.com"])
def test_an_address_that_others_reach_needs_a_token(cli: Cli, host: str) -> None:
    done = cli("dashboard", "--host", host, "--no-open")

    assert done.exit_code == 2
    assert f"--host (option) is {host!r}" in done.stderr
    assert "--token TOKEN" in done.stderr


def test_a_token_that_can_be_guessed_is_refused(cli: Cli) -> None:
    done = cli("dashboard", "--token", "secret", "--no-open")

    assert done.exit_code == 2
    assert "16 letters and digits or more" in done.stderr
    assert "secret " not in done.stderr


def test_a_port_that_is_taken_is_said(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("dashboard", "--port", str(port), "--no-open")

    assert done.exit_code == 2
    assert f"--port (option) is {port}" in done.stderr
    assert "--port 0; another program listens there" in done.stderr


def test_an_address_that_is_not_this_machines_is_said(cli: Cli) -> None:
    done = cli("dashboard", "--host", "192.0.2.1", "--token", TOKEN, "--no-open")

    assert done.exit_code == 2
    assert "an address of this machine" in done.stderr


def test_without_the_extra_it_names_the_extra(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def without_jinja(name: str, *more: Any) -> Any:
        return None if name == "jinja2" else real(name, *more)

    for module in [name for name in sys.modules if name.startswith("fastagentic.dashboard")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(importlib.util, "find_spec", without_jinja)

    done = cli("dashboard", "--no-open")

    assert done.exit_code == 2
    assert "jinja2" in done.stderr
    assert "pip install 'fastagentic[dashboard]'" in done.stderr


def test_it_starts_says_where_answers_and_ends(filled: Path, own_environment: Path) -> None:
    """With a page open that hears news: it does not hold up the end."""
    program = [sys.executable, "-m", "fastagentic", "dashboard", "--port", "0", "--no-open"]
    environment = os.environ | {"FASTAGENTIC_HOME": str(own_environment), "FASTAGENTIC_DASHBOARD_TOKEN": TOKEN}
    with subprocess.Popen(program, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert address is not None, line
        with httpx.Client(base_url=address[0], headers={"authorization": f"Bearer {TOKEN}"}, timeout=WAIT_S) as client:
            assert client.get("/api/v1/overview").json()["total"]["calls"] == 6
            assert httpx.get(f"{address[0]}api/v1/overview").status_code == 401
            with client.stream("GET", "/live") as live:
                assert next(live.iter_lines()).startswith("event: ")
                process.send_signal(signal.SIGINT)
                assert process.wait(WAIT_S) in {0, 130, -signal.SIGINT}
        rest = process.stderr.read()

    assert line == f"fastagentic dashboard: {address[0]} (asks for the token); Ctrl-C ends it\n"
    assert "Traceback" not in rest
    assert TOKEN not in line + rest
