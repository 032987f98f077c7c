"""The command among other programs: pipes that break, disks that are full, narrow terminals, shells that complete."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastagentic.cli import complete
from fastagentic.export.spool.notes import spool_directory
from tests.export.spools import Kept

from .conftest import OTHER_RUN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .conftest import Cli

FASTAGENTIC = [sys.executable, "-m", "fastagentic"]
FULL = Path("/dev/full")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")
on_unix = pytest.mark.skipif(os.name == "nt", reason="platform: no terminals of this kind")


def run(*arguments: str, variables: Mapping[str, str] | None = None, **how: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100", **(variables or {})}
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    return subprocess.run([*FASTAGENTIC, *arguments], env=environment, text=True, timeout=60, check=False, **how)


def at_a_terminal(*arguments: str, **variables: str) -> str:
    """What a command writes to a terminal, both streams; what goes into a pipe beside it is in neither."""
    import pty

    ours, theirs = pty.openpty()
    environment = {"TERM": "xterm-256color", **variables}
    try:
        run(*arguments, variables=environment, stdout=theirs, stderr=theirs)
    finally:
        os.close(theirs)
    written = bytearray()
    try:
        while block := os.read(ours, 65_536):
            written += block
    except OSError:  # how Linux says that the other side is closed
        pass
    finally:
        os.close(ours)
    return written.decode()


@pytest.mark.parametrize("arguments", [("costs",), ("export",), ("--help",)], ids=" ".join)
@pytest.mark.usefixtures("filled")
def test_a_reader_who_has_seen_enough_is_nothing_to_speak_of(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(*arguments, stdout=writing)
    finally:
        os.close(writing)

    assert "Traceback" not in done.stderr
    assert "cannot" not in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="platform: no /dev/full")
@pytest.mark.parametrize("arguments", [("costs", "--json"), ("export",)], ids=" ".join)
@pytest.mark.usefixtures("filled")
def test_a_full_disk_behind_stdout_is_named_in_one_line(arguments: tuple[str, ...]) -> None:
    with FULL.open("w") as full:
        done = run(*arguments, stdout=full.fileno())

    assert done.stderr == "fastagentic: stdout cannot be written (No space left on device)\n"
    assert done.returncode == 1


@on_unix
@pytest.mark.usefixtures("filled")
def test_without_any_stdout_a_command_still_ends_well() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *FASTAGENTIC, "runs"], stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@on_unix
@pytest.mark.usefixtures("filled")
def test_colours_are_for_terminals_and_not_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert COLOUR.search(at_a_terminal("runs"))
    assert not COLOUR.search(at_a_terminal("runs", NO_COLOR="1"))


@on_unix
@pytest.mark.usefixtures("filled")
def test_a_bar_goes_to_a_terminal_and_what_was_asked_for_to_the_file(tmp_path: Path) -> None:
    target = tmp_path / "calls.jsonl"

    seen = at_a_terminal("export", "--output", str(target))

    assert "rows" in seen  # the unit of the bar
    assert "rows" not in run("export", "--output", str(tmp_path / "again.jsonl")).stderr
    assert all(json.loads(line) for line in target.read_text().splitlines())


@pytest.mark.parametrize("columns", ["80", "60"])
@pytest.mark.parametrize("command", ["costs", "costs --by run", "runs", "prices", "doctor", "doctor --help", "prune --help"])
@pytest.mark.usefixtures("filled")
def test_nothing_is_wider_than_a_narrow_terminal(cli: Cli, command: str, columns: str) -> None:
    lines = cli(*command.split(), COLUMNS=columns).stdout.splitlines()

    assert lines
    assert [line for line in lines if len(line.rstrip()) > int(columns)] == []


@pytest.mark.usefixtures("filled")
def test_columns_of_one_worth_leave_a_narrow_table_together(cli: Cli) -> None:
    """The price of what is read without that of what is written says nothing."""
    headers = [cli("prices", COLUMNS=str(width)).stdout.splitlines()[0] for width in range(50, 160, 10)]

    assert {("input" in header) for header in headers} == {True, False}
    assert [header for header in headers if ("input" in header) is not ("output" in header)] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("costs --by colour", "invalid value for '--by': 'colour' is not one of 'model', "),
        ("runs --limit 0", "invalid value for '--limit': "),
        ("cots", "no such command 'cots'"),
        ("costs --sinse 24h", "no such option: --sinse"),
        ("show", "missing argument 'RUN_ID'; see fastagentic show --help"),
        ("doctor app", "invalid value for MODULE:NAME: 'app' is no module with a name in it, such as app:app; see "),
        ("doctor no_such_module:app", "invalid value for MODULE:NAME: there is no module 'no_such_module' here; see "),
        ("serve main", "invalid value for MODULE:APP: 'main' is no module with a name in it, such as main:app; see "),
        ("serve no_such_module:app", "invalid value for MODULE:APP: there is no module 'no_such_module' here; see "),
        ("export --timeout 5s", "--timeout (option) is '5s'; it takes --format otlp beside it"),
        ("export --format otlp --output spans", "--output (option) is 'spans'; it takes a format that is a file; "),
        ("costs --since 5y", "--since (option) is '5y'; it takes an amount of time such as "),
    ],
)
@pytest.mark.usefixtures("filled")
def test_wrong_usage_is_told_in_one_line_that_names_it(cli: Cli, arguments: str, said: str) -> None:
    result = cli(*arguments.split())

    assert result.stderr.startswith(f"fastagentic: {said}")
    assert result.stderr.count("\n") == 1
    assert (result.stdout, result.exit_code) == ("", 2)


@pytest.mark.usefixtures("filled")
def test_too_few_digits_of_a_run_are_told_from_an_unknown_run(cli: Cli) -> None:
    assert "the first digits of an id are 6 or more" in cli("show", OTHER_RUN[:3]).stderr
    assert "Recent runs: " in cli("show", "unheard-of").stderr


@pytest.mark.usefixtures("filled")
def test_a_shell_completes_runs_models_users_and_tenants_from_the_store() -> None:
    assert complete.runs("") == [("order-42", "nightly-report"), (OTHER_RUN, "chat")]
    assert complete.runs("or") == [("order-42", "nightly-report")]
    assert complete.models("llama") == [("llama-of-tomorrow", "openai")]
    assert complete.users("u") == [("u-1", "")]
    assert complete.tenants("") == []


def test_a_shell_completes_the_spools_there_are(own_environment: Path) -> None:
    directory = spool_directory(own_environment, "otlp", "http://collector.example.com")
    Kept(directory, name="otlp", endpoint="http://collector.example.com").append(b"a span")

    assert complete.destinations("") == ["otlp"]
    assert complete.destinations("l") == []


def test_without_a_store_nothing_is_offered_and_nothing_said(own_environment: Path) -> None:
    assert complete.runs("") == complete.models("") == complete.users("") == []
    assert complete.destinations("") == []

    asked = {"_FASTAGENTIC_COMPLETE": "complete_bash", "COMP_WORDS": "fastagentic show ", "COMP_CWORD": "2"}
    done = run(variables=asked)

    assert (done.stdout.strip(), done.stderr, done.returncode) == ("", "", 0)


@pytest.mark.usefixtures("filled")
def test_bash_is_answered_in_its_own_form() -> None:
    asked = {"_FASTAGENTIC_COMPLETE": "complete_bash", "COMP_WORDS": "fastagentic show ", "COMP_CWORD": "2"}

    assert run(variables=asked).stdout.split() == ["order-42", OTHER_RUN]
    assert "costs" in run(variables={**asked, "COMP_WORDS": "fastagentic co", "COMP_CWORD": "1"}).stdout
    after_prices = run(variables={**asked, "COMP_WORDS": "fastagentic prices ", "COMP_CWORD": "2"}).stdout.split()
    assert after_prices[:2] == ["update", "check"]
    assert "gpt-4o" in after_prices
    options = run(variables={**asked, "COMP_WORDS": "fastagentic prices update --", "COMP_CWORD": "3"}).stdout.split()
    assert {"--undo", "--dry-run"} <= set(options)
