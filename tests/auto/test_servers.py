"""Zero code under the programs that start others: OpenTelemetry's own tool, web servers, Celery, a notebook's kernel."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.frameworks.environments import Environment

from .started import PROGRAMS, calls, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastagentic.demo.provider import StandIn

pytestmark = pytest.mark.slow

ENVIRONMENT = Environment(
    "zero-code",
    (
        "openai",
        "uvicorn",
        "celery==5.7.0",
        "gunicorn==27.0.1",
        "ipykernel==7.4.0",
        "nbclient==0.11.0",
        "opentelemetry-distro==0.66b2",
    ),
)
WAIT_S = 60
SILENT = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder of the environment's programs."""
    return ENVIRONMENT.python().parent


@contextmanager
def going(tools: Path, *command: str, cwd: Path = PROGRAMS, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A program that goes on until SIGTERM; its output is shown when a test fails."""
    env = environment(str(tools / "python"), **variables)
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=WAIT_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            print(process.stdout.read() if process.stdout is not None else "")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=WAIT_S) as answer:
            return bool(answer.read() == b"asked")
    except OSError:
        return False


UVICORN = ("uvicorn", "web_async:app", "--port")
GUNICORN = ("gunicorn", "web:app", "--bind")


@pytest.mark.parametrize(
    ("command", "early"),
    [
        ((*UVICORN, "{port}"), ""),
        ((*UVICORN, "{port}", "--workers", "2"), ""),
        ((*GUNICORN, "127.0.0.1:{port}", "--workers", "2"), ""),
        ((*GUNICORN, "127.0.0.1:{port}", "--workers", "2", "--preload"), "1"),
        ((*GUNICORN, "127.0.0.1:{port}", "--threads", "4"), "1"),
    ],
    ids=["uvicorn", "uvicorn, spawned", "gunicorn, forked", "gunicorn, forked after the import", "gunicorn, threads"],
)
def test_a_server_is_observed_in_all_of_its_workers(
    answering: StandIn, tools: Path, command: tuple[str, ...], early: str
) -> None:
    port = free_port()
    filled = [part.format(port=port) for part in command]

    with going(tools, "fastagentic", "run", *filled, EARLY=early):
        wait_for(lambda: answers(port))
        asked = 1 + sum(answers(port) for _ in range(7))

    assert (asked, calls()) == (8, 8)


@pytest.mark.parametrize("early", ["", "1"], ids=["imported in the child", "imported before the fork"])
def test_celerys_children_are_observed(answering: StandIn, tools: Path, tmp_path: Path, early: str) -> None:
    (tmp_path / "queue").mkdir()
    quiet = ("--without-mingle", "--without-gossip", "--without-heartbeat", "--loglevel", "WARNING")
    variables = {"PYTHONPATH": str(PROGRAMS), "EARLY": early}
    worker = ("celery", "--app", "tasks", "worker", "--pool", "prefork", "--concurrency", "2", *quiet)

    with going(tools, "fastagentic", "run", *worker, cwd=tmp_path, **variables):
        sends = "import tasks; [tasks.question.delay(number) for number in range(4)]"
        env = environment(str(tools / "python"), PYTHONPATH=str(PROGRAMS))
        subprocess.run([tools / "python", "-c", sends], cwd=tmp_path, env=env, check=True, timeout=WAIT_S)
        wait_for(lambda: all((tmp_path / f"asked-{number}").exists() for number in range(4)))

    assert calls() == 4


NOTEBOOK = """
import nbclient, nbformat
cells = ["from ask import ask", "ask()", "ask()"]
book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
"""


def test_a_notebooks_kernel_is_observed(answering: StandIn, tools: Path) -> None:
    env = environment(str(tools / "python"))

    subprocess.run(
        [tools / "fastagentic", "run", "--", tools / "python", "-c", NOTEBOOK], cwd=PROGRAMS, env=env, check=True, timeout=120
    )

    assert calls() == 2


# --- opentelemetry-instrument ---------------------------------------------------------------------


def under_opentelemetry(tools: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = environment(str(tools / "python"), **{**SILENT, **variables})
    return subprocess.run(
        ["opentelemetry-instrument", *command], cwd=PROGRAMS, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_program_is_observed_under_opentelemetry_instrument(answering: StandIn, tools: Path) -> None:
    done = under_opentelemetry(tools, "python", "ask.py", "--port")

    assert (done.returncode, done.stdout, done.stderr) == (0, "True --port\n", "")
    assert calls() == 1


def test_its_own_exporter_gets_our_span_once(answering: StandIn, tools: Path) -> None:
    done = under_opentelemetry(tools, "python", "ask.py", OTEL_TRACES_EXPORTER="console", OTEL_SERVICE_NAME="shop")

    text = done.stdout.partition("\n")[2]
    span, end = json.JSONDecoder().raw_decode(text)
    assert span["name"] == "chat gpt-4o-mini"
    assert span["resource"]["attributes"]["service.name"] == "shop"
    assert not text[end:].strip()


RUN = "import fastagentic, ask\nwith fastagentic.run('order', run_id='order-42') as run: ask.ask()\nprint(run.run_id)"


def test_with_our_id_generator_a_given_run_id_is_the_trace_id_there_too(answering: StandIn, tools: Path) -> None:
    variables = {"OTEL_TRACES_EXPORTER": "console", "OTEL_PYTHON_ID_GENERATOR": "fastagentic"}

    done = under_opentelemetry(tools, "python", "-c", RUN, **variables)

    assert done.stdout.startswith("3bf8b157c4238eefe5ae4a66eca81c6b\n"), done.stderr
    assert done.stdout.count('"trace_id": "0x3bf8b157c4238eefe5ae4a66eca81c6b"') == 2


@pytest.mark.parametrize(
    "variable", [{"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "fastagentic"}, {"OTEL_SDK_DISABLED": "true"}], ids=str
)
def test_it_is_switched_off_as_every_instrumentation_is(answering: StandIn, tools: Path, variable: dict[str, str]) -> None:
    done = under_opentelemetry(tools, "python", "ask.py", **variable)

    assert (done.returncode, done.stdout) == (0, "True\n")
    assert calls() == 0


@pytest.mark.parametrize(
    "order", [("opentelemetry-instrument", "fastagentic", "run"), ("fastagentic", "run", "opentelemetry-instrument")]
)
def test_both_at_once_is_one_observation(answering: StandIn, tools: Path, order: tuple[str, ...]) -> None:
    env = environment(str(tools / "python"), **SILENT)

    done = subprocess.run(
        [*order, "python", "ask.py"], cwd=PROGRAMS, env=env, capture_output=True, text=True, timeout=120, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
    assert calls() == 1
