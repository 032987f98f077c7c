"""However a process ends, its spans are delivered: by itself, or by the next one that finds them on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from .receiver import Receiver

PRELUDE = """
import os, signal, sys, time
import fastagentic
fastagentic.instrument(destinations=["otlp"])
def work(count=20):
    for number in range(count):
        with fastagentic.run(f"{os.getpid()} {number}"):
            pass
"""
NEXT = PRELUDE + "print(fastagentic.flush(20))"


class Program:
    """A Python program with fastagentic in it, which sends to the receiver."""

    def __init__(self, receiver: Receiver, home: Path) -> None:
        self._receiver = receiver
        self._environment = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "FASTAGENTIC_HOME": str(home),
        }

    def start(self, body: str, **environment: str) -> subprocess.Popen[str]:
        program = PRELUDE.replace("instrument(", f"instrument({environment.pop('arguments', '')}") + textwrap.dedent(body)
        return subprocess.Popen(
            [sys.executable, "-c", program], env={**self._environment, **environment}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, body: str, **environment: str) -> tuple[int, str]:
        process = self.start(body, **environment)
        out, errors = process.communicate(timeout=60)
        return process.returncode, out + errors

    def received(self) -> int:
        """Spans that have come in, each counted once."""
        return len({(span.trace_id, span.span_id) for span in self._receiver.spans})


@pytest.fixture
def program(receiver: Receiver, own_environment: Path) -> Program:
    return Program(receiver, own_environment)


@pytest.mark.parametrize(
    ("body", "code"),
    [("work()", 0), ("work(); sys.exit(3)", 3), ("work(); raise RuntimeError('a bug of the user')", 1)],
    ids=["at the end", "by sys.exit", "by an exception"],
)
def test_a_process_that_ends_delivers_first(program: Program, body: str, code: int) -> None:
    assert program.run(body)[0] == code
    assert program.received() == 20


def test_sigterm_delivers_and_ends_the_process_with_the_signal_s_own_status(program: Program) -> None:
    process = program.start("work(); print('ready', flush=True); time.sleep(60)")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    process.communicate()
    assert program.received() == 20


def test_sigterm_delivers_before_the_user_s_own_handler_runs(program: Program) -> None:
    process = program.start(
        """
        fastagentic.uninstrument()
        signal.signal(signal.SIGTERM, lambda number, frame: (print("mine", flush=True), os._exit(7)))
        fastagentic.instrument(destinations=["otlp"])
        work(); print("ready", flush=True); time.sleep(60)
        """
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "mine\n"
    assert process.wait(30) == 7
    process.communicate()
    assert program.received() == 20


def test_a_signal_that_is_ignored_stays_ignored_and_is_given_back_untouched(program: Program) -> None:
    _, said = program.run(
        """
        fastagentic.uninstrument()
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        fastagentic.instrument(destinations=["otlp"])
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN)
        """
    )
    assert said.split() == ["True", "True"]


def test_what_sigkill_left_is_delivered_by_the_next_process_which_makes_no_span(program: Program, receiver: Receiver) -> None:
    receiver.mode = "503"
    process = program.start("work(); print('ready', flush=True); time.sleep(60)", arguments="durability='crash', ")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate(timeout=30)
    receiver.mode = "ok"
    assert program.received() == 0
    _, said = program.run("print(fastagentic.flush(20))")
    assert said.split()[-1] == "True"
    assert program.received() == 20


def test_a_second_after_the_last_call_sigkill_takes_nothing(program: Program, receiver: Receiver) -> None:
    receiver.mode = "hang"
    process = program.start("work(); print('ready', flush=True); time.sleep(60)")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    receiver.wait_for(lambda one: one.of("traces"))  # what is on its way is on disk
    process.kill()
    process.communicate(timeout=30)
    receiver.mode = "ok"
    program.run("print(fastagentic.flush(20))")
    assert program.received() == 20


@pytest.mark.parametrize(
    "mode", ["hang", pytest.param("503", marks=pytest.mark.slow), pytest.param("401", marks=pytest.mark.slow)]
)
def test_a_backend_that_does_not_answer_keeps_no_process_from_ending(program: Program, receiver: Receiver, mode: str) -> None:
    receiver.mode = mode
    code, said = program.run("work()", FASTAGENTIC_EXIT_TIMEOUT="1s")
    assert code == 0
    assert "ended before everything was delivered" in said
    receiver.mode = "ok"
    program.run("print(fastagentic.flush(20))")
    assert program.received() == 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_delivers_its_own_spans_and_none_of_its_parent_s(program: Program, receiver: Receiver) -> None:
    code, said = program.run(
        """
        work(10)
        child = os.fork()
        work(10)
        if child:
            assert os.waitpid(child, 0)[1] == 0
        """
    )
    assert code == 0, said
    assert program.received() == len(receiver.spans) == 30
