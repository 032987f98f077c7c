"""`fastagentic costs`."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from fastagentic.store.location import store_path
from fastagentic.store.queries.costs import GroupBy
from tests.store.build import RUN_ID, call, priced, run, store

from .conftest import OTHER_RUN, Cli

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = ["calls", "errors", "input_tokens", "output_tokens", "cost", "saved", "unpriced"]


def test_json_is_one_array_with_a_row_per_group_and_no_total(cli: Cli, filled: Path) -> None:
    result = cli("costs", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == [
        dict(zip(["model", *FIELDS], row, strict=True))
        for row in (
            ("gpt-4o", 1, 0, 10, 1, 0.5, 0.0, 0),
            ("gpt-4o-mini", 4, 1, 2000, 400, 0.2504, 0.25, 0),
            ("llama-of-tomorrow", 1, 0, 5, 5, None, 0.0, 1),
        )
    ]


@pytest.mark.parametrize("by", list(GroupBy))
def test_every_grouping_names_its_field_after_itself(cli: Cli, filled: Path, by: GroupBy) -> None:
    rows = json.loads(cli("costs", "--by", by.value, "--json").stdout)

    assert rows
    assert all(list(row) == [by.value, *FIELDS] for row in rows)


def test_a_group_of_hits_and_failures_costs_0_in_json(cli: Cli) -> None:
    store(store_path(), [priced(0.0, hit=True, saved=1.0), call(error="Boom")])

    (row,) = json.loads(cli("costs", "--json").stdout)

    assert (row["cost"], row["saved"], row["errors"]) == (0.0, 1.0, 1)


def test_csv_has_the_same_rows(cli: Cli, filled: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("costs", "--csv").stdout)))

    assert list(rows[0]) == ["model", *FIELDS]
    assert [(row["model"], row["cost"]) for row in rows] == [
        ("gpt-4o", "0.5"), ("gpt-4o-mini", "0.2504"), ("llama-of-tomorrow", ""),
    ]  # fmt: skip


def test_json_and_csv_together_are_wrong_usage(cli: Cli, filled: Path) -> None:
    result = cli("costs", "--json", "--csv")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--json and --csv" in result.stderr


def test_the_table_shows_share_hits_errors_and_a_total(cli: Cli, filled: Path) -> None:
    lines = [" ".join(line.split()) for line in cli("costs").stdout.splitlines()]

    header, _, *rows, _, footer = lines
    assert header == "model calls errors tokens in tokens out cost share saved cache hits"
    assert rows == [
        "gpt-4o 1 - 10 1 $0.50 67 % - -",
        "gpt-4o-mini 4 1 2,000 400 $0.25 33 % $0.25 1 (100 %)",
        "llama-of-tomorrow 1 - 5 5 unknown - - -",
    ]
    assert footer == "total 6 1 2,015 406 $0.75 + ? 100 % $0.25 1 (100 %)"


def test_numbers_stand_on_the_right_edge_of_their_column(cli: Cli, filled: Path) -> None:
    header, _, *rows, _, footer = cli("costs").stdout.splitlines()

    edge = header.index("cost ") + len("cost")
    assert [row[:edge].split()[-1] for row in (*rows, footer)] == ["$0.50", "$0.25", "unknown", "?"]
    assert all(row[edge] == " " for row in (*rows, footer))


def test_an_unknown_cost_is_never_shown_as_zero(cli: Cli) -> None:
    store(store_path(), [call(source="unknown")])

    result = cli("costs")

    assert "unknown" in result.stdout
    assert "$0" not in result.stdout
    assert "1 call of unknown cost" in result.stderr


@pytest.mark.parametrize("width", [200, 80, 60, 40, 24])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(cli: Cli, width: int) -> None:
    spans = [priced(1_204.0, model="meta-llama/Llama-3.3-70B-Instruct-Turbo" * 2, saved=0.5), call(source="unknown")]
    store(store_path(), spans)

    out = cli("costs", COLUMNS=str(width)).stdout

    assert max(map(len, out.splitlines())) <= width
    assert "$1,204" in out
    assert "$1,204 + ?" in out


def test_into_a_pipe_nothing_is_cut_off(cli: Cli, filled: Path) -> None:
    store(store_path(), [priced(1.0, model="a-model-with-a-name-as-long-as-" + "x" * 40)])

    out = cli("costs", COLUMNS="").stdout

    assert "x" * 40 in out
    assert "cache hits" in out


def test_a_table_into_a_pipe_has_no_colour(cli: Cli, filled: Path) -> None:
    assert "\x1b" not in cli("costs", NO_COLOR="").stdout


def test_text_that_would_move_the_cursor_is_shown_harmless(cli: Cli) -> None:
    store(store_path(), [priced(1.0, model="gpt\x1b[2J\n[red]x[/nothing]")])

    out = cli("costs").stdout

    assert "\x1b" not in out
    assert "[red]x[/nothing]" in out


def test_the_groups_of_tags_say_that_they_overlap(cli: Cli) -> None:
    store(store_path(), [priced(1.0, tags=("a", "b"))])

    result = cli("costs", "--by", "tag")

    assert "total      1       -          0           0  $1.00" in result.stdout
    assert "once in the total" in result.stderr


def test_a_run_is_named_by_its_first_digits_and_its_name(cli: Cli, filled: Path) -> None:
    out = cli("costs", "--by", "run").stdout

    assert f"{RUN_ID[:12]} nightly-report" in out
    assert "efefefefefef (no run)" in out
    assert {row["run"] for row in json.loads(cli("costs", "--by", "run", "--json").stdout)} == {RUN_ID, OTHER_RUN, "ef" * 16}


def test_only_calls_since_then_count(cli: Cli) -> None:
    store(store_path(), [priced(1.0, ago_h=30), priced(0.5)])

    assert json.loads(cli("costs", "--json").stdout)[0]["cost"] == 0.5
    assert json.loads(cli("costs", "--since", "2d", "--json").stdout)[0]["cost"] == 1.5
    assert json.loads(cli("costs", "--since", "all", "--json").stdout)[0]["cost"] == 1.5
    assert json.loads(cli("costs", "--since", "99999999w", "--json").stdout)[0]["cost"] == 1.5


@pytest.mark.parametrize("since", ["yesterday", "", "5", "-3h", "0h", "3 fortnights", "1e9d"])
def test_a_bad_duration_is_named_with_what_is_accepted(cli: Cli, filled: Path, since: str) -> None:
    result = cli("costs", f"--since={since}")

    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"fastagentic: --since (option) is {since!r}; it takes an amount of time such as")


def test_an_unknown_grouping_is_wrong_usage_and_names_the_known(cli: Cli, filled: Path) -> None:
    result = cli("costs", "--by", "colour")

    assert result.exit_code == 2
    assert "endpoint" in result.stderr


def test_nothing_in_that_time_is_said_kindly_with_the_next_step(cli: Cli) -> None:
    store(store_path(), [priced(1.0, ago_h=30)])

    result = cli("costs")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "No calls in the last 24h" in result.stderr
    assert "--since all" in result.stderr
    assert cli("costs", "--json").stdout == "[]\n"
    assert cli("costs", "--csv").stdout == ",".join(["model", *FIELDS]) + "\n"


def test_a_store_with_runs_and_no_calls_costs_nothing(cli: Cli) -> None:
    store(store_path(), [run()])

    assert "No calls" in cli("costs").stderr


@pytest.mark.parametrize(("limit", "status"), [("0.75", 1), ("0.7504", 0), ("0.76", 0), ("0", 1)])
def test_fail_over_exits_1_above_that_sum_and_not_at_it(cli: Cli, filled: Path, limit: str, status: int) -> None:
    result = cli("costs", "--fail-over", limit, "--json")

    assert result.exit_code == status
    assert json.loads(result.stdout)
    assert ("cost $0.750400, more than --fail-over $" in result.stderr) == bool(status)


def test_fail_over_looks_at_the_true_total_also_by_tag(cli: Cli) -> None:
    store(store_path(), [priced(1.0, tags=("a", "b"))])

    assert cli("costs", "--by", "tag", "--fail-over", "1.5").exit_code == 0


def test_fail_over_says_which_calls_it_cannot_see(cli: Cli, filled: Path) -> None:
    result = cli("costs", "--fail-over", "5", "--json")

    assert result.exit_code == 0
    assert "Not in the sum that --fail-over looks at: 1 call of unknown cost." in result.stderr


@pytest.mark.parametrize("limit", ["nan", "-1", "inf", "many"])
def test_a_limit_that_is_no_amount_is_wrong_usage(cli: Cli, filled: Path, limit: str) -> None:
    assert cli("costs", f"--fail-over={limit}").exit_code == 2


def test_an_empty_time_does_not_fail_over(cli: Cli) -> None:
    store(store_path(), [priced(9.0, ago_h=30)])

    assert cli("costs", "--fail-over", "1").exit_code == 0
