"""`fastagentic run`: calls are recorded without a line changed in the program, and the program is otherwise what it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .started import FASTAGENTIC, PROGRAMS, by_command, calls, environment, observed, plainly

if TYPE_CHECKING:
    from pathlib import Path

    from fastagentic.demo.provider import StandIn

PYTHON = sys.executable

# --- ways of starting -----------------------------------------------------------------------------

WAYS = {
    "a file": (PYTHON, "ask.py", "--port", "1"),
    "a file without its interpreter": ("ask.py", "--port", "1"),
    "a module of ours to start": ("-m", "ask", "--port", "1"),
    "a module": (PYTHON, "-m", "ask", "--port", "1"),
    "a text": (PYTHON, "-c", "import ask, sys; print(bool(ask.ask()), *sys.argv[1:])", "--port", "1"),
    "a shell": ("sh", "-c", f"'{PYTHON}' ask.py --port 1"),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_program_is_observed_however_it_is_started(answering: StandIn, way: str) -> None:
    done = by_command(*WAYS[way])

    assert (done.returncode, done.stdout, done.stderr) == (0, "True --port 1\n", "")
    assert calls() == 1


@pytest.mark.slow
def test_a_console_script_is_observed(answering: StandIn, tmp_path: Path) -> None:
    script = tmp_path / "ask-it"
    script.write_text(f"#!{PYTHON}\nimport ask\nask.ask()\n")
    script.chmod(0o755)

    done = by_command(str(script), PYTHONPATH=str(PROGRAMS))

    assert (done.returncode, done.stderr) == (0, "")
    assert calls() == 1


@pytest.mark.slow
def test_without_the_separator_the_programs_options_are_its_own(answering: StandIn) -> None:
    done = plainly(*FASTAGENTIC, "run", "--durability", "crash", PYTHON, "ask.py", "--logs", "-m")

    assert (done.returncode, done.stdout) == (0, "True --logs -m\n")
    assert calls() == 1


def test_a_process_that_the_program_starts_is_observed_too(answering: StandIn) -> None:
    program = f"import subprocess, sys; sys.exit(subprocess.run([{PYTHON!r}, 'ask.py']).returncode)"

    assert observed(PYTHON, "-c", program).returncode == 0
    assert calls() == 1


METHODS = ["fork", *(pytest.param(method, marks=pytest.mark.slow) for method in ("spawn", "forkserver"))]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("before", [(), ("before",)], ids=["first call in the child", "first call before"])
def test_children_of_multiprocessing_are_observed_to_their_end(
    answering: StandIn, method: str, before: tuple[str, ...]
) -> None:
    """A forked one ends by `os._exit`, without `atexit`."""
    done = observed(PYTHON, "processes.py", method, *before)

    assert (done.returncode, done.stderr) == (0, "")
    assert calls() == 2 + len(before)


@pytest.mark.slow
def test_a_function_that_is_frozen_once_it_has_answered_has_delivered(answering: StandIn) -> None:
    assert observed(PYTHON, "handler.py").returncode == -signal.SIGKILL
    assert calls() == 1


@pytest.mark.slow
def test_litellm_is_observed(answering: StandIn) -> None:
    messages = [{"role": "user", "content": "Does it ship?"}]
    program = f"import litellm; litellm.completion(model='gpt-4o-mini', messages={messages}, mock_response='Yes.')"

    done = observed(PYTHON, "-c", program)

    assert (done.returncode, done.stderr) == (0, "")
    assert calls() == 1


# --- the program is what it was -------------------------------------------------------------------

ENDS = {
    "by a status": "raise SystemExit(3)",
    "by an exception": "raise ValueError('own')",
    "by SIGTERM": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "by SIGKILL": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "by Ctrl-C": "import os, signal; os.kill(os.getpid(), signal.SIGINT); signal.pause()",
    "by _exit": "import os; os._exit(5)",
}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
def test_a_program_ends_as_it_would_have(end: str) -> None:
    plain, under = plainly(PYTHON, "-c", ENDS[end]), by_command(PYTHON, "-c", ENDS[end])

    assert (under.returncode, under.stdout, under.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_sigterm_ends_an_observed_program_by_sigterm_with_its_call_recorded(answering: StandIn) -> None:
    program = "import os, signal, ask; ask.ask(); os.kill(os.getpid(), signal.SIGTERM); signal.pause()"

    assert observed(PYTHON, "-c", program).returncode == -signal.SIGTERM
    assert calls() == 1


def test_a_signal_reaches_the_program_itself() -> None:
    """It has taken the place of the command: one process, one id."""
    program = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [*FASTAGENTIC, "run", "--", PYTHON, "-c", program],
        env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=60) == -signal.SIGTERM


LOOK = "import json, sys; print(json.dumps([sys.path, sys.argv, sys.stdin.read(), sys.flags.isolated]))"


def test_a_program_sees_the_same_path_arguments_and_input() -> None:
    plain, under = (way(PYTHON, "-c", LOOK, "--a", "b c", given="text") for way in (plainly, observed))

    assert json.loads(under.stdout) == json.loads(plain.stdout)


def test_a_python_that_calls_no_model_loads_nothing_of_ours_that_weighs() -> None:
    ours = "name.partition('.')[0] in {'opentelemetry', 'wrapt', 'fastagentic'}"
    program = f"import sys; print(*sorted(name for name in sys.modules if {ours}))"

    assert observed(PYTHON, "-c", program).stdout.split() == ["fastagentic", "fastagentic._auto", "fastagentic._version"]


def test_a_sitecustomize_of_the_users_own_still_runs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.own = __file__\n")

    done = observed(
        PYTHON, "-c", "import sys, sitecustomize; print(sys.own == sitecustomize.__file__)", PYTHONPATH=str(tmp_path)
    )

    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_sitecustomize_of_the_users_own_that_fails_is_told_as_python_tells_it(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('own')\n")

    plain, under = (way(PYTHON, "-c", "print(1)", PYTHONPATH=str(tmp_path)) for way in (plainly, observed))

    assert under.stdout == plain.stdout == "1\n"
    assert under.stderr == plain.stderr
    assert "ValueError: own" in plain.stderr


def test_running_twice_over_puts_it_on_the_path_once() -> None:
    program = "import os; print(os.environ['PYTHONPATH'].count('_bootstrap'))"

    assert by_command(*FASTAGENTIC, "run", PYTHON, "-c", program).stdout == "1\n"


# --- never in the way -----------------------------------------------------------------------------


def test_a_setting_that_cannot_be_used_is_one_line_and_the_program_runs(answering: StandIn) -> None:
    done = observed(PYTHON, "ask.py", FASTAGENTIC_KEEP="30 moons")

    assert (done.returncode, done.stdout) == (0, "True\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("fastagentic: this process is not observed: keep (FASTAGENTIC_KEEP) is '30 moons'")
    assert calls() == 0


@pytest.mark.slow
def test_a_settings_file_that_is_broken_is_told_and_the_program_runs(answering: StandIn, tmp_path: Path) -> None:
    (tmp_path / "fastagentic.toml").write_text("keep = 30 moons\n")

    done = by_command(PYTHON, str(PROGRAMS / "ask.py"), cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, "True\n")
    assert all("fastagentic.toml is no TOML" in line for line in done.stderr.splitlines())


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """A Python that has no fastagentic."""
    plainly(PYTHON, "-m", "venv", "--without-pip", str(tmp_path / "bare")).check_returncode()
    return str(tmp_path / "bare" / "bin" / "python")


def test_a_python_without_fastagentic_runs_the_program_and_says_so(bare: str) -> None:
    done = by_command(bare, "-c", "print(1)")

    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr == f"fastagentic: this process is not observed: No module named 'fastagentic' ({bare})\n"


@pytest.mark.slow
def test_another_python_that_the_program_starts_is_left_in_peace(bare: str) -> None:
    done = observed(PYTHON, "-c", f"import subprocess; subprocess.run([{bare!r}, '-c', 'print(1)'])")

    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "variable", [{"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "requests,fastagentic"}, {"OTEL_SDK_DISABLED": "true"}], ids=str
)
def test_opentelemetrys_variables_switch_it_off(answering: StandIn, variable: dict[str, str]) -> None:
    done = observed(PYTHON, "ask.py", **variable)

    assert (done.stdout, done.stderr) == ("True\n", "")
    assert calls() == 0


# --- the command ----------------------------------------------------------------------------------


def test_options_become_variables() -> None:
    program = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k[:5] in ('FASTA', 'OTEL_')}))"
    options = ("--service-name", "shop", "--destinations", "", "--clients", "openai", "--durability", "crash")

    done = by_command(PYTHON, "-c", program, options=[*options, "--capture-content"], OTEL_SERVICE_NAME="other")

    found = json.loads(done.stdout)
    del found["FASTAGENTIC_HOME"], found["FASTAGENTIC_RUN_PID"]
    assert found == {
        "OTEL_SERVICE_NAME": "shop",
        "FASTAGENTIC_DESTINATIONS": "",
        "FASTAGENTIC_CLIENTS": "openai",
        "FASTAGENTIC_DURABILITY": "crash",
        "FASTAGENTIC_CAPTURE_CONTENT": "true",
    }


LOG = "import logging; logging.basicConfig(format='%(message)s [%(run_id)s]'); logging.warning('early')"


@pytest.mark.slow
@pytest.mark.parametrize("asked_by", ["option", "file"])
def test_with_logs_the_first_record_carries_ids_already(tmp_path: Path, asked_by: str) -> None:
    if asked_by == "file":
        (tmp_path / "fastagentic.toml").write_text("logs = true\n")

    done = by_command(PYTHON, "-c", LOG, options=["--logs"] if asked_by == "option" else [], cwd=tmp_path)

    assert done.stderr == "early []\n"


@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        (("no-such-program",), 127, "no-such-program: not found"),
        (("./programs",), 126, "./programs cannot be run: Permission denied"),
        (("--servce-name", "shop", "python"), 2, "--servce-name is no option of fastagentic run"),
        (("--durability", "fast", "python"), 2, "--durability (option) is 'fast'; it takes normal or crash"),
        ((), 2, "COMMAND"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_a_status(command: tuple[str, ...], status: int, told: str) -> None:
    done = plainly(*FASTAGENTIC, "run", *command, cwd=PROGRAMS.parent)

    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
