"""The team's page: every question of `store/queries/`, asked of the local store and of ClickHouse over HTTP with the same
calls in both, has the same answer.
"""

from __future__ import annotations

import ast
import inspect
import math
import time
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.made_up_traffic import Traffic

from fastagentic.store import queries
from fastagentic.store.clickhouse.address import Address
from fastagentic.store.clickhouse.reader import open_clickhouse
from fastagentic.store.queries.calls import calls
from fastagentic.store.queries.grouped import total
from fastagentic.store.queries.runs import RunOrder, runs
from fastagentic.store.reader import open_store
from tests.store import answers

from .fleet import fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("chdb", reason="chdb is in the group operators: make operators")

CALLS = 100_000
DAYS = 5.0
"""The spans themselves are kept for seven days."""
PAGE = 50
MICRO_DOLLAR = 1e-6


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """A reader of each of the two stores."""
    spans = list(Traffic(CALLS, end_ns=time.time_ns(), days=DAYS).spans())
    with (
        fleet(tmp_path_factory.mktemp("fleet"), spans) as made,
        open_store(made.path) as connection,
        open_clickhouse(Address.of(made.server.url())) as clickhouse,
    ):
        assert connection.execute("SELECT COUNT(*) FROM calls").fetchone() == (CALLS,)
        yield connection, clickhouse


def test_every_question_has_the_same_answer_in_both_stores_to_the_micro_dollar(both: tuple[Any, Any]) -> None:
    ours, theirs = (answers.questions(one, PAGE, ("all",)) for one in both)

    differing = [
        (name, said)
        for (name, ask), (_, ask_there) in zip(ours, theirs, strict=True)
        if (said := difference(ask(both[0]), ask_there(both[1])))
    ]
    assert differing == []


@pytest.mark.parametrize("name", answers.SCOPES)
def test_a_filter_lets_through_the_same_calls_and_runs_in_both_stores(name: str, both: tuple[Any, Any]) -> None:
    scope = answers.SCOPES[name]

    ours, theirs = (
        (
            total(one, scope),
            runs(one, scope, order=RunOrder.COST, lone_calls=True, limit=PAGE),
            calls(one, scope, limit=0).total,
        )
        for one in both
    )

    assert difference(ours, theirs) is None


def test_no_question_of_the_queries_is_left_out_of_the_comparison() -> None:
    """A function of `store/queries/` that takes a reader is asked in `tests/store/answers.py`, by itself or by another one."""
    asked = {node.attr for node in ast.walk(ast.parse(inspect.getsource(answers))) if isinstance(node, ast.Attribute)}
    known = {
        node.name: {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        for path in Path(queries.__file__).parent.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg == "connection"
    }
    reached, left = set(), [name for name in known if name in asked]
    while left:
        reached.add(name := left.pop())
        left += [one for one in known[name] if one in known and one not in reached]

    assert len(known) > 30
    assert set(known) - reached == set()


def difference(ours: Any, theirs: Any, where: str = "") -> str | None:
    """Where two answers first differ, None where nowhere. Real numbers may differ by less than a micro-dollar."""
    if is_dataclass(ours) and type(ours) is type(theirs):
        return _first((getattr(ours, one.name), getattr(theirs, one.name), f"{where}.{one.name}") for one in fields(ours))
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        return _first((ours[key], theirs[key], f"{where}[{key!r}]") for key in ours)
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple) and len(ours) == len(theirs):
        return _first((*pair, f"{where}[{at}]") for at, pair in enumerate(zip(ours, theirs, strict=True)))
    if isinstance(ours, float) and isinstance(theirs, float | int):
        return None if math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-9) else f"{where}: {ours!r} and {theirs!r}"
    return None if ours == theirs else f"{where}: {ours!r:.500} and {theirs!r:.500}"


def _first(parts: Iterator[tuple[Any, Any, str]]) -> str | None:
    return next(filter(None, (difference(*part) for part in parts)), None)
