"""`fastagentic runs` and `fastagentic show`."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from fastagentic.store.location import store_path
from tests.store.build import RUN_ID, call, priced, run, store

from .conftest import OTHER_RUN, Cli

if TYPE_CHECKING:
    from pathlib import Path


def test_runs_are_listed_latest_first(cli: Cli, filled: Path) -> None:
    lines = cli("runs", COLUMNS="160").stdout.splitlines()

    assert lines[0].split() == [
        "run",
        "name",
        "user",
        "started",
        "duration",
        "calls",
        "errors",
        "tokens",
        "cost",
        "saved",
        "cache",
        "hits",
    ]
    assert lines[2].split()[:3] == ["order-42", "nightly-report", "u-1"]
    assert lines[2].split()[5:] == ["1", "m", "30", "s", "4", "1", "2,411", "$0.75", "$0.25", "1"]
    assert lines[3].split()[:2] == [OTHER_RUN[:12], "chat"]
    assert len(lines) == 4


def test_runs_as_json_carry_all_that_is_known(cli: Cli, filled: Path) -> None:
    first, second = json.loads(cli("runs", "--json").stdout)

    assert first["run_id"] == RUN_ID
    assert (first["external_id"], first["name"], first["user"], first["tags"]) == (
        "order-42",
        "nightly-report",
        "u-1",
        ["batch"],
    )
    assert (first["calls"], first["errors"], first["cost"], first["saved"], first["cache_hits"]) == (4, 1, 0.75, 0.25, 1)
    assert first["started"].endswith("Z")
    assert (second["cost"], second["unpriced"], second["duration_s"]) == (None, 1, 1.0)


def test_runs_as_csv_have_the_same_fields(cli: Cli, filled: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("runs", "--csv").stdout)))

    assert list(rows[0]) == list(json.loads(cli("runs", "--json").stdout)[0])
    assert (rows[0]["run_id"], rows[0]["tags"], rows[1]["cost"]) == (RUN_ID, "batch", "")


def test_calls_outside_a_run_are_listed_with_all(cli: Cli, filled: Path) -> None:
    assert "efefefefefef" not in cli("runs").stdout
    assert "efefefefefef  (no run)" in cli("runs", "--all").stdout


@pytest.mark.parametrize(("sort", "first"), [("cost", "order-42"), ("duration", "order-42"), ("started", "order-42")])
def test_runs_can_be_sorted_and_limited(cli: Cli, filled: Path, sort: str, first: str) -> None:
    result = cli("runs", "--sort", sort, "--limit", "1")

    assert [line.split()[0] for line in result.stdout.splitlines()[2:]] == [first]
    assert "--limit" in result.stderr


def test_no_runs_are_said_kindly_with_the_next_step(cli: Cli) -> None:
    store(store_path(), [call(run_id="f" * 32)])

    result = cli("runs")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "`--all`" in result.stderr
    assert cli("runs", "--json").stdout == "[]\n"


@pytest.mark.parametrize("width", [160, 80, 50, 30])
def test_no_line_of_runs_is_wider_than_the_terminal(cli: Cli, filled: Path, width: int) -> None:
    store(store_path(), [run("a-name-" * 9, external_id="an id of somebody with more than thirty letters", run_id="9" * 32)])

    assert max(map(len, cli("runs", COLUMNS=str(width)).stdout.splitlines())) <= width


# --- show -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["order-42", RUN_ID, RUN_ID[:6], RUN_ID.upper()])
def test_a_run_is_shown_by_any_of_its_names(cli: Cli, filled: Path, text: str) -> None:
    assert f"run      {RUN_ID}" in cli("show", text).stdout


def test_a_run_is_shown_as_a_tree_with_what_is_known_of_each_call(cli: Cli, filled: Path) -> None:
    out = cli("show", "order-42").stdout

    _, tree = out.split("nightly-report  ")
    assert [line.rstrip() for line in tree.splitlines()] == [
        "1 m 30 s  4 calls  2,411 tokens  $0.75  1 cache hit  saved $0.25  1 error",
        "├── chat gpt-4o-mini  1.0 ms  1,000 in 200 out  $0.25  openai via portkey",
        "├── chat gpt-4o-mini  1.0 ms  10 in 1 out  $0.50  config.targets[1] (openai)  2 retries  fallback  stream closed",
        "│   └── attempt 1  1.0 ms  failed: APITimeoutError",
        "├── chat gpt-4o-mini  1.0 ms  1,000 in 200 out  $0  cache hit  saved $0.25  openai",
        "└── chat gpt-4o-mini  1.0 ms  openai  failed: RateLimitError",
    ]


def test_an_unknown_cost_in_the_tree_is_unknown(cli: Cli, filled: Path) -> None:
    out = cli("show", OTHER_RUN).stdout

    assert "cost unknown" in out
    assert "$0" not in out


def test_the_tree_fits_a_narrow_terminal_without_breaking_a_fact(cli: Cli, filled: Path) -> None:
    out = cli("show", "order-42", COLUMNS="50").stdout

    assert max(map(len, out.splitlines())) <= 50
    assert "config.targets[1] (openai)" in out
    assert "stream closed" in out


def test_a_run_as_json_is_its_summary_and_its_nested_spans(cli: Cli, filled: Path) -> None:
    shown = json.loads(cli("show", "order-42", "--json").stdout)

    assert shown["run"]["cost"] == 0.75
    (root,) = shown["spans"]
    assert (root["kind"], root["call"], len(root["children"])) == ("run", None, 4)
    assert root["children"][1]["call"]["retries"] == 2
    assert root["children"][1]["children"][0]["kind"] == "attempt"
    assert root["children"][1]["attributes"]["fastagentic.target.path"] == "config.targets[1]"


def test_calls_outside_a_run_can_be_shown(cli: Cli, filled: Path) -> None:
    out = cli("show", "efefef").stdout

    assert "calls outside a run" in out
    assert "└── chat gpt-4o-mini" in out


def test_an_unknown_run_is_one_line_with_near_ones(cli: Cli, filled: Path) -> None:
    result = cli("show", "order-43")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "fastagentic: no run 'order-43'. Near to it: order-42 (nightly-report). `fastagentic runs` lists more.\n"
    )


def test_an_ambiguous_run_is_one_line_that_lists_them(cli: Cli) -> None:
    store(store_path(), [priced(1.0, run_id="abcdef" + digit * 26) for digit in "12"])

    result = cli("show", "abcdef")

    assert result.exit_code == 1
    assert "names 2 runs" in result.stderr
