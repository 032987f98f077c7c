"""ClickHouse over time: repeats and late calls in the sums by the minute, money that is none, and how long rows are kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .clickhouse import ClickHouse, batches, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .workload import Truth

pytest.importorskip("chdb", reason="chdb is in the group operators: make operators")

DEPLOY = Path(__file__).parents[2] / "deploy/clickhouse"
MICRO_DOLLAR = 1e-6

DAYS = {
    "otel_traces": ("Timestamp", 7),
    "llm_call_facts": ("ts", 90),
    "llm_run_facts": ("ts", 90),
    "llm_minutes": ("minute", 90),
    "llm_cost_1m_sums": ("minute", 730),
    "llm_sketch_1h": ("hour", 365),
}
"""Table -> the column that ages, and for how many days a row is kept."""


@pytest.fixture
def clickhouse(tmp_path: Path) -> Iterator[ClickHouse]:
    """The tables, empty."""
    with ClickHouse(tmp_path / "chdb") as made:
        yield made


def number(clickhouse: ClickHouse, sql: str) -> Any:
    ((value,),) = [tuple(row.values()) for row in clickhouse.rows(sql)]
    return value


def refresh(clickhouse: ClickHouse) -> None:
    """What the server does once a minute."""
    clickhouse.run("SYSTEM REFRESH VIEW otel.llm_cost_1m_refresh")
    clickhouse.run("SYSTEM WAIT VIEW otel.llm_cost_1m_refresh")


def of_rollup(clickhouse: ClickHouse) -> dict[str, Any]:
    (row,) = clickhouse.rows(
        """SELECT sum(calls) AS calls, sum(errors) AS errors, sum(unpriced_calls) AS unpriced, sum(cache_hits) AS hits,
                  sum(cache_lookups) AS lookups, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
                  sum(cost_usd) AS cost_usd, sum(saved_usd) AS saved_usd
           FROM otel.llm_cost_1m"""
    )
    return row


def as_in_store(truth: Truth) -> dict[str, Any]:
    total = truth.total()
    return {name: getattr(total, name) for name in ("calls", "errors", "unpriced", "hits", "lookups")} | {
        name: pytest.approx(getattr(total, name), abs=MICRO_DOLLAR)
        for name in ("input_tokens", "output_tokens", "cost_usd", "saved_usd")
    }


def test_the_sums_by_the_minute_count_a_repeated_batch_once_before_and_after_each_refresh(
    played: Truth, clickhouse: ClickHouse
) -> None:
    spans = spans_of(played)
    for batch in batches(spans, 50):
        clickhouse.insert(batch)
    assert of_rollup(clickhouse) == as_in_store(played), "before the first refresh"
    refresh(clickhouse)
    assert number(clickhouse, "SELECT sum(calls) FROM otel.llm_cost_1m_sums") == played.total().calls
    assert of_rollup(clickhouse) == as_in_store(played), "after it"
    for batch in batches(spans, 70):
        clickhouse.insert(batch)
    assert of_rollup(clickhouse) == as_in_store(played), "after the repeats"
    refresh(clickhouse)
    assert of_rollup(clickhouse) == as_in_store(played), "after the next refresh"
    clickhouse.run("OPTIMIZE TABLE otel.llm_call_facts FINAL")
    clickhouse.run("OPTIMIZE TABLE otel.llm_cost_1m_sums FINAL")
    assert number(clickhouse, "SELECT count() FROM otel.llm_call_facts") == played.total().calls
    assert of_rollup(clickhouse) == as_in_store(played), "after the merge"


def test_a_call_that_comes_late_is_in_its_minute_at_once_and_after_the_refresh(played: Truth, clickhouse: ClickHouse) -> None:
    calls = [span for span in spans_of(played) if "gen_ai.usage.cost" in span["SpanAttributes"]]
    clickhouse.insert(calls[:-1])
    refresh(clickhouse)
    # as if a refresh had been made two minutes later: the grace for inserts that were under way has passed
    clickhouse.run("INSERT INTO otel.llm_cost_1m_sums (minute, refreshed_at) SELECT now(), now64(3) + INTERVAL 2 MINUTE")
    assert clickhouse.rows("SELECT minute FROM otel.llm_minutes_due") == []
    assert of_rollup(clickhouse)["calls"] == len(calls) - 1, "from the sums alone"
    clickhouse.run("TRUNCATE TABLE otel.llm_cost_1m_sums")
    refresh(clickhouse)
    clickhouse.insert(calls[-1:])
    assert of_rollup(clickhouse)["calls"] == len(calls)
    refresh(clickhouse)
    assert number(clickhouse, "SELECT sum(calls) FROM otel.llm_cost_1m_sums FINAL") == len(calls)


@pytest.mark.parametrize("table", DAYS)
def test_a_row_is_kept_as_long_as_promised_and_no_longer(table: str, clickhouse: ClickHouse) -> None:
    column, days = DAYS[table]
    for name in DAYS:
        clickhouse.run(f"SYSTEM STOP MERGES otel.{name}")
    for age in (days - 2, days + 2):
        clickhouse.run(f"INSERT INTO otel.{table} ({column}) SELECT now() - INTERVAL {age} DAY")
    clickhouse.run(f"SYSTEM START MERGES otel.{table}")
    clickhouse.run(f"OPTIMIZE TABLE otel.{table} FINAL")

    kept = clickhouse.rows(f"SELECT dateDiff('day', {column}, now()) AS age FROM otel.{table}")

    assert [row["age"] for row in kept] == [days - 2]


def test_the_readme_promises_what_the_tables_keep() -> None:
    readme = (DEPLOY / "README.md").read_text()
    said = {name: int(days) for name, days in re.findall(r"^\| `(\w+)` .*\| (\d+) days \|$", readme, re.MULTILINE)}

    assert said == {name: days for name, (_, days) in DAYS.items()}


def test_money_that_is_no_number_is_unknown_and_long_fractions_are_rounded(played: Truth, clickhouse: ClickHouse) -> None:
    (call, *_) = [span for span in spans_of(played) if "gen_ai.usage.cost" in span["SpanAttributes"]]
    costs = {"01": "0.00016859999999999998", "02": "5e-07", "03": "NaN", "04": "1e300", "05": "-0.5", "06": "12345.678901"}
    clickhouse.insert(
        [
            {**call, "SpanId": at * 8, "SpanAttributes": {**call["SpanAttributes"], "gen_ai.usage.cost": cost}}
            for at, cost in costs.items()
        ]
    )
    found = clickhouse.rows("SELECT toString(cost_usd) AS usd, cost_source FROM otel.llm_calls ORDER BY span_id")

    assert [row["usd"] for row in found] == ["0.0001686", "0.0000005", None, None, "-0.5", "12345.678901"]
    assert [row["cost_source"] == "unknown" for row in found] == [False, False, True, True, False, False]
