"""Commands, dashboard and hostile values on a fleet's ClickHouse: the same as on the local store, read only, and in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from fastagentic.core.errors import StoreError
from fastagentic.store.clickhouse.address import Address
from fastagentic.store.clickhouse.reader import open_clickhouse
from fastagentic.store.clickhouse.wire import Wire
from fastagentic.store.queries.costs import GroupBy, costs, total
from fastagentic.store.queries.find_run import find_run
from fastagentic.store.queries.run_tree import run_tree
from fastagentic.store.queries.runs import runs
from fastagentic.store.queries.scope import Scope
from fastagentic.store.reader import open_store
from fastagentic.store.rows import StoredSpan
from tests.store.build import RUN_ID, call, priced, run

from .clickhouse_server import PASSWORD, READONLY_2, READONLY_2_PASSWORD
from .fleet import Fleet, fleet, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("chdb", reason="chdb is in the group operators: make operators")

NASTY = ('O\'Neill \\ \t\n"{p0:String}" ?', "ünï€😀", "x' OR 1 = 1 --", "%", "\\")


def spans() -> Iterator[StoredSpan]:
    """A run, calls outside any, and values that nobody should have sent."""
    root = run("nightly ?", external_id="order-42", user=NASTY[0], tags=("batch", NASTY[1]), ago_h=1)
    yield priced(0.25, parent=root.span_id, user=NASTY[0], tags=("batch", NASTY[1]), tokens_in=1_000, tokens_out=200, ago_h=1)
    yield priced(0.5, parent=root.span_id, user=NASTY[2], retries=2, ago_h=1)
    yield root
    for at, user in enumerate(NASTY):
        yield call(run_id=f"{at + 1:032x}", user=user, model=user, ago_h=2 + at)
    yield priced(float("nan"), run_id="c" * 32, ago_h=3)
    yield priced(1e300, run_id="c" * 32, ago_h=3)
    yield priced(1e-12, run_id="c" * 32, tokens_in=2**62, tokens_out=2**40, first_chunk=float("inf"), ago_h=3)
    backwards = priced(0.125, run_id="d" * 32, ago_h=4)
    yield replace(backwards, ended_ns=backwards.started_ns - 5_000)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("fleet"), list(spans())) as made:
        yield made


@pytest.fixture
def cli(both: Fleet, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`cli(is_fleet, *arguments)`: what a command prints on one of the stores."""
    from fastagentic.cli.app import app

    monkeypatch.setenv("FASTAGENTIC_HOME", str(both.path.parent))

    def invoke(is_fleet: bool, *arguments: str, **variables: str) -> Any:
        env = {"COLUMNS": "120", "NO_COLOR": "1", "FASTAGENTIC_STORE": both.server.url() if is_fleet else "", **variables}
        return CliRunner().invoke(app, arguments, env=env)

    return invoke


@pytest.mark.parametrize(
    "command",
    [
        *(("costs", "--by", by.value, "--since", "7d") for by in GroupBy),
        ("runs", "--since", "all", "--all", "--sort", "cost"), ("show", "order-42"), ("show", RUN_ID[:8]), ("prices",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_prints_the_same_of_either_store(cli: Any, command: tuple[str, ...]) -> None:
    ours, theirs = (cli(is_fleet, *command, "--json") for is_fleet in (False, True))
    assert (ours.exit_code, theirs.exit_code) == (0, 0), theirs.output
    assert approximately(json.loads(theirs.stdout)) == approximately(json.loads(ours.stdout))

    shown, shown_there = (cli(is_fleet, *command).stdout for is_fleet in (False, True))
    assert shown_there == shown


def test_status_says_where_it_is_and_that_it_is_only_read(cli: Any, both: Fleet) -> None:
    said = json.loads(cli(True, "status", "--json").stdout)
    ours = json.loads(cli(False, "status", "--json").stdout)

    same = ("spans", "calls", "runs", "oldest", "newest", "unpriced_models", "drops")
    assert {name: said[name] for name in same} == {name: ours[name] for name in same}
    assert (said["path"], said["writable"]) == (f"clickhouse://127.0.0.1:{both.server.port}/otel", False)
    assert "no: a ClickHouse is only read" in cli(True, "status").stdout


@pytest.mark.parametrize("user", NASTY)
def test_a_user_of_any_name_is_found_by_it(both: Fleet, user: str) -> None:
    with open_store(both.path) as ours, open_clickhouse(Address.of(both.server.url())) as theirs:
        for scope in (Scope(user=user), Scope(search=user), Scope(model=user)):
            assert total(theirs, scope) == total(ours, scope)
            assert runs(theirs, scope, lone_calls=True).total == runs(ours, scope, lone_calls=True).total
        assert total(theirs, Scope(user=user)).calls > 0
        assert total(theirs, Scope(tag=NASTY[1])) == total(ours, Scope(tag=NASTY[1]))


@pytest.mark.parametrize("path", ["overview", "costs?by=user", "series", "runs?all=true", "calls", "models", f"runs/{RUN_ID}"])
def test_the_dashboard_answers_the_same_of_either_store(both: Fleet, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.dashboard.asking import get

    monkeypatch.setenv("FASTAGENTIC_HOME", str(both.path.parent))
    ours = get(f"/api/v1/{path}")
    monkeypatch.setenv("FASTAGENTIC_STORE", both.server.url())
    theirs = get(f"/api/v1/{path}")

    assert (ours.status_code, theirs.status_code) == (200, 200), theirs.text
    assert approximately(theirs.json()) == approximately(ours.json())


@pytest.mark.parametrize("page", ["/", "/runs", f"/runs/{RUN_ID}", "/models", "/health", "/compare"])
def test_a_page_shows_the_fleet(both: Fleet, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.dashboard.asking import get

    monkeypatch.setenv("FASTAGENTIC_STORE", both.server.url())

    answer = get(page)

    assert answer.status_code == 200
    assert "s/ecret" not in answer.text


def test_the_doctor_looks_at_the_fleets_calls(cli: Any) -> None:
    ours, theirs = (json.loads(cli(is_fleet, "doctor", "--json").stdout) for is_fleet in (False, True))

    assert [one["code"] for one in theirs] == [one["code"] for one in ours]
    assert any("unknown cost" in one["what"] or "price" in one["what"] for one in theirs)


def test_nothing_can_be_written_through_the_wire(both: Fleet) -> None:
    wire = Wire(Address.of(both.server.url()))

    with pytest.raises(StoreError, match="READONLY"):
        wire.ask("TRUNCATE TABLE otel_traces")
    wire.close()


def test_a_user_whose_profile_says_readonly_2_can_read(both: Fleet) -> None:
    url = both.server.url(user=READONLY_2, password=READONLY_2_PASSWORD)

    with open_clickhouse(Address.of(url)) as reader:
        assert total(reader).calls > 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"password": "wrong-w0rd"},
            "Authentication failed: password is incorrect. (AUTHENTICATION_FAILED); set user",
        ),
        ({"database": "nowhere"}, "is it the database in which the files of deploy/clickhouse were run"),
        ({"database": "system"}, "is it the database in which the files of deploy/clickhouse were run"),
    ],
)
def test_a_refusal_is_one_line_with_the_way_out(cli: Any, both: Fleet, given: dict[str, str], told: str) -> None:
    result = cli(True, "costs", FASTAGENTIC_STORE=both.server.url(**given))

    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert told in line
    assert not any(secret in line for secret in ("wrong-w0rd", PASSWORD, "s%2Fecret"))


def test_a_call_that_arrived_twice_counts_once_and_one_that_others_saw_not_at_all(both: Fleet) -> None:
    with open_clickhouse(Address.of(both.server.url())) as reader:
        before, listed = total(reader), costs(reader, by=GroupBy.RUN)
        both.server.insert(again(both))
        both.server.insert([row_of(priced(7.0, run_id="e" * 32), scope="another.instrumentation")])

        assert total(reader) == before
        assert costs(reader, by=GroupBy.RUN) == listed


def test_of_a_run_whose_spans_are_gone_the_totals_are_left(tmp_path: Any) -> None:
    root = run("old", external_id="old-1")
    with fleet(tmp_path, [priced(0.5, parent=root.span_id), root]) as both:
        both.server.run("TRUNCATE TABLE otel.otel_traces")
        with open_clickhouse(Address.of(both.server.url())) as reader:
            trees = [run_tree(reader, find_run(reader, name)) for name in ("old-1", RUN_ID, RUN_ID[:10])]

    assert [(tree.run.name, tree.run.cost_usd, tree.roots) for tree in trees] == [("old", 0.5, ())] * 3


def again(both: Fleet) -> list[dict[str, Any]]:
    """Every span of the local store once more."""
    with open_store(both.path) as connection:
        found = connection.execute("SELECT trace_id, span_id, started_ns, ended_ns, name, status, attributes FROM spans")
        return [
            row_of(StoredSpan(trace, span, None, name, started, ended, status, json.loads(attributes)))
            for trace, span, started, ended, name, status, attributes in found
        ]


def approximately(said: Any) -> Any:
    """Numbers to nine digits, and without what goes by the clock's seconds."""
    if isinstance(said, dict):
        return {key: approximately(value) for key, value in said.items() if key != "month_projected"}
    if isinstance(said, list):
        return [approximately(one) for one in said]
    return float(f"{said:.9g}") if isinstance(said, float) else said
