"""`fastagentic serve`: an application in a process of its own, until SIGTERM."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from fastagentic.store.location import store_path
from tests.store.build import count

from .serving import WAIT_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = Path(__file__).parent / "programs"


def start(*arguments: str) -> subprocess.Popen[str]:
    command = (sys.executable, "-m", "fastagentic", "serve", *arguments)
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, cwd=PROGRAMS, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[str, list[str]]]:
    """The application's URL, and the lines it prints; SIGTERM at the end, and a normal exit."""
    lines: list[str] = []
    with start(*arguments, "--port", "0") as process:
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True)
        reader.start()
        try:
            until(lambda: (url_in(lines) and "startup complete" in "".join(lines)) or process.poll() is not None)
            yield url_in(lines), lines
            process.send_signal(signal.SIGTERM)
            process.wait(WAIT_S)
        finally:
            if process.poll() is None:
                process.kill()
        reader.join(WAIT_S)
    assert process.returncode in {0, -signal.SIGTERM}, "".join(lines)


def url_in(lines: list[str]) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", "".join(lines))
    return "" if found is None else found[0]


def test_it_serves_on_loopback_and_its_runs_are_in_the_store() -> None:
    with serving("shop:app") as (url, lines):
        answer = httpx.post(f"{url}/ask", json="what does it cost?", timeout=60)
        assert (answer.status_code, answer.json()) == (200, "four cents"), lines

    assert (count(store_path(), "runs"), count(store_path(), "calls")) == (1, 1)


def test_it_ends_while_a_stream_is_open_and_its_run_is_in_the_store() -> None:
    with serving("shop:app") as (url, lines), httpx.Client(timeout=60) as client:
        begun = client.stream("POST", f"{url}/forever")
        answer = begun.__enter__()
        assert "first" in next(answer.iter_lines()), lines

    assert count(store_path(), "runs") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shop",), "MODULE:APP"),
        (("shop:app", "--reload", "--workers", "2"), "exclude each other"),
    ],
)
def test_wrong_usage_says_what_is_right(arguments: tuple[str, ...], said: str) -> None:
    with start(*arguments) as process:
        output, _ = process.communicate(timeout=WAIT_S)

    assert process.returncode == 2
    assert said in output


def test_what_is_not_there_is_named() -> None:
    with start("nowhere:app") as process:
        output, _ = process.communicate(timeout=WAIT_S)

    assert process.returncode != 0
    assert "nowhere" in output


@pytest.mark.slow
def test_several_workers_share_the_port() -> None:
    with serving("shop:app", "--workers", "2") as (url, lines):
        answers = [httpx.post(f"{url}/ask", json="hi", timeout=60).status_code for _ in range(8)]
        assert answers == [200] * 8, lines

    assert count(store_path(), "calls") == 8
