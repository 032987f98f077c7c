"""ClickHouse: every call of a real workload once, with the local store's columns and totals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core import names
from fastagentic.store.queries.costs import GroupBy
from fastagentic.store.schema import CALL_COLUMNS, CALL_IDS, RUN_COLUMNS

from .clickhouse import SCHEMA, ClickHouse, batches, spans_of, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .workload import Truth

pytest.importorskip("chdb", reason="chdb is in the group operators: make operators")

DEPLOY = Path(__file__).parents[2] / "deploy/clickhouse"
QUERIES = sorted((DEPLOY / "queries").glob("*.sql"))
ALWAYS = {"since": "2020-01-01 00:00:00", "until": "2100-01-01 00:00:00", "tenant": "", "run": ""}
MICRO_DOLLAR = 1e-6


@pytest.fixture(scope="module")
def filled(played: Truth, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """The workload, every span of it twice, in batches that are not alike."""
    with ClickHouse(tmp_path_factory.mktemp("chdb")) as clickhouse:
        for size in (50, 70):
            for batch in batches(spans_of(played), size):
                clickhouse.insert(batch)
        yield clickhouse


def number(clickhouse: ClickHouse, sql: str) -> Any:
    ((value,),) = [tuple(row.values()) for row in clickhouse.rows(sql)]
    return value


def test_the_repeats_are_there_to_be_seen(filled: ClickHouse, played: Truth) -> None:
    """Without it no test below would say anything of repeats."""
    assert number(filled, "SELECT count() FROM otel.otel_traces") == 2 * len(played.spans())


def test_a_call_has_every_column_of_the_local_store_with_the_same_value(filled: ClickHouse, played: Truth) -> None:
    columns = (*CALL_IDS, *(column.name for column in CALL_COLUMNS))
    listed = ", ".join(columns)
    ours = [dict(row) for row in played.rows(f"SELECT {listed} FROM calls ORDER BY trace_id, span_id")]

    theirs = filled.rows(f"SELECT {listed} FROM otel.llm_calls ORDER BY trace_id, span_id")

    assert len(theirs) == len(ours) > 50
    for column in columns:
        mine, found = [row[column] for row in ours], [row[column] for row in theirs]
        is_real = any(isinstance(value, float) for value in mine)
        assert found == (pytest.approx(mine, abs=1e-12) if is_real else mine), column


def test_a_run_has_every_column_of_the_local_store_with_the_same_value(filled: ClickHouse, played: Truth) -> None:
    listed = ", ".join(RUN_COLUMNS)
    ours = [dict(row) for row in played.rows(f"SELECT {listed} FROM runs ORDER BY run_id")]

    assert filled.rows(f"SELECT {listed} FROM otel.llm_runs ORDER BY run_id") == ours
    assert len(ours) > 10


@pytest.mark.parametrize(
    ("group", "column"),
    [
        (GroupBy.TENANT, "tenant_id"),
        (GroupBy.USER, "user_id"),
        (GroupBy.SESSION, "session_id"),
        (GroupBy.RUN, "run_id"),
        (GroupBy.MODEL, "coalesce(model, response_model)"),
        (GroupBy.PROVIDER, "provider"),
        (GroupBy.GATEWAY, "gateway"),
    ],
)
def test_cost_agrees_with_the_local_store_to_the_micro_dollar(
    group: GroupBy, column: str, filled: ClickHouse, played: Truth
) -> None:
    found = filled.rows(
        f"""SELECT ifNull({column}, '') AS key, count() AS calls, countIf(is_error) AS errors, sum(cost_usd) AS cost_usd,
                   countIf(cost_source = 'unknown') AS unpriced
            FROM otel.llm_calls GROUP BY key"""
    )

    expected = played.by(group)
    assert {row["key"]: (row["calls"], row["errors"], row["unpriced"]) for row in found} == {
        key: (row.calls, row.errors, row.unpriced) for key, row in expected.items()
    }
    for row in found:
        assert abs((row["cost_usd"] or 0) - (expected[row["key"]].cost_usd or 0)) < MICRO_DOLLAR


def test_users_and_latency_of_an_hour_are_estimates_that_a_repeat_does_not_move(filled: ClickHouse) -> None:
    users = number(filled, "SELECT uniqCombined64Merge(12)(users) FROM otel.llm_sketch_1h")
    median = number(filled, "SELECT quantilesTDigestMerge(0.5, 0.95, 0.99)(latency_s)[1] FROM otel.llm_sketch_1h")

    assert users == number(filled, "SELECT uniqExact(user_id) FROM otel.llm_calls")
    assert median == pytest.approx(number(filled, "SELECT quantileExact(0.5)(duration_s) FROM otel.llm_calls"), rel=0.2)


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_a_query_of_the_folder_runs_and_finds_something(query: Path, filled: ClickHouse, played: Truth) -> None:
    (run, *_) = played.rows("SELECT run_id FROM calls ORDER BY cost_usd DESC LIMIT 1")
    sql = query.read_text()
    given = ALWAYS | {"run": run["run_id"]}

    found = filled.rows(sql, **{name: given[name] for name in re.findall(r"\{(\w+):", sql)})

    assert found
    assert sql.startswith("-- ")


@pytest.mark.parametrize(
    ("query", "key", "group"),
    [
        ("cost_by_tenant", "tenant_id", GroupBy.TENANT),
        ("cost_by_user", "user_id", GroupBy.USER),
        ("cost_by_run", "run_id", GroupBy.RUN),
        ("cost_by_model", "model", GroupBy.MODEL),
    ],
)
def test_a_query_by_group_agrees_with_the_command_line(
    query: str, key: str, group: GroupBy, filled: ClickHouse, played: Truth
) -> None:
    sql = (DEPLOY / f"queries/{query}.sql").read_text()
    found: dict[str, float] = {}
    for row in filled.rows(sql, **{name: ALWAYS[name] for name in re.findall(r"\{(\w+):", sql)}):
        found[row[key] or ""] = found.get(row[key] or "", 0) + (row["cost_usd"] or 0)

    expected = {name: row.cost_usd or 0 for name, row in played.by(group).items()}
    limited = sorted(expected.items(), key=lambda pair: -pair[1])[: len(found)]
    assert len(found) == min(len(expected), 100)
    for name, usd in limited:
        if usd > min(found.values()):
            assert found[name] == pytest.approx(usd, abs=MICRO_DOLLAR)


def test_the_parameter_of_a_query_narrows_it(filled: ClickHouse, played: Truth) -> None:
    by_user = (DEPLOY / "queries/cost_by_user.sql").read_text()
    by_tenant = (DEPLOY / "queries/cost_by_tenant.sql").read_text()

    assert {row["tenant_id"] for row in filled.rows(by_user, **{**ALWAYS, "tenant": "acme"})} == {"acme"}
    assert filled.rows(by_tenant, since=ALWAYS["since"], until="2020-01-02 00:00:00") == []


def test_the_tables_can_be_made_twice(filled: ClickHouse, played: Truth) -> None:
    for path in SCHEMA:
        for statement in statements(path.read_text()):
            filled.run(statement)

    assert number(filled, "SELECT count() FROM otel.llm_calls") == played.total().calls


def test_the_facts_read_the_attributes_that_fill_the_columns_of_the_local_store() -> None:
    sql = (DEPLOY / "02_calls.sql").read_text()
    missing = [one.name for one in CALL_COLUMNS if not re.search(rf"'{re.escape(one.attribute)}'\S*.* AS {one.name},?\n", sql)]

    assert missing == []


def test_an_attribute_that_the_tables_read_is_a_name_of_ours() -> None:
    known = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    read = {name for path in SCHEMA for name in re.findall(r"'((?:\w+\.)+\w+)'", path.read_text())}

    assert read - known == set()
    assert len(read) > 30
