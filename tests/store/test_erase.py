"""Deleting what belongs to a user or a tenant: all of it, nothing else, and none of its bytes stay."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fastagentic.store import bookmarks
from fastagentic.store.bookmarks import Bookmark
from fastagentic.store.erase import Whose, erase, find, trace_ids
from fastagentic.store.file import connect
from fastagentic.store.rows import StoredSpan

from .answers import answers
from .build import ask, count, priced, run, span_id, store

if TYPE_CHECKING:
    from pathlib import Path

    from fastagentic.store.prune import Pruned

THEIRS, OTHERS = "ab" * 16, "cd" * 16


@pytest.fixture
def spans() -> dict[str, list[StoredSpan]]:
    """Of two users: a run, a call, and a span of a run that says nothing of a user."""
    return {
        user: [
            run(f"report of {user}", run_id=run_id, user=user, tenant=f"tenant of {user}", duration_ns=10**9),
            priced(0.25, run_id=run_id, user=user, tenant=f"tenant of {user}"),
            StoredSpan(run_id, span_id(), None, f"step of {user}", 10**18, 10**18, "unset", {"fastagentic.run.id": run_id}),
        ]
        for user, run_id in (("u-1", THEIRS), ("u-2", OTHERS))
    }


@pytest.fixture
def path(tmp_path: Path, spans: dict[str, list[StoredSpan]]) -> Path:
    lone = priced(0.5, run_id="ef" * 16)
    return store(
        tmp_path / "store.db", [*spans["u-1"], *spans["u-2"], lone, priced(1.0, run_id="11" * 16, user="u-1", ago_h=48)]
    )


def erased(path: Path, *, ago_h: float = 0.0, **whose: str) -> Pruned:
    with closing(connect(path, busy_s=1)) as connection:
        found = find(connection, Whose(time.time_ns() - int(ago_h * 3_600e9), **whose))
        gone = erase(connection)
    assert (found.spans, found.calls, found.runs) == (gone.spans, gone.calls, gone.runs)
    return gone


@pytest.mark.parametrize("whose", [{"user": "u-1"}, {"tenant": "tenant of u-1"}], ids=["user", "tenant"])
def test_everything_of_a_user_or_a_tenant_goes_and_nothing_else(
    path: Path, spans: dict[str, list[StoredSpan]], tmp_path: Path, whose: dict[str, str]
) -> None:
    gone = erased(path, **whose)

    left = 0 if "user" in whose else 1  # a call of the user in no tenant
    assert (gone.spans, gone.calls, gone.runs) == (4 - left, 2 - left, 1)
    assert count(path, "runs") == 1
    assert {name for (name,) in ask(path, "SELECT name FROM spans WHERE run_id = ?", OTHERS)} == {
        "invoke_workflow report of u-2", "chat gpt-4o-mini", "step of u-2",
    }  # fmt: skip


def test_sums_are_those_of_a_store_that_never_saw_the_user(
    path: Path, spans: dict[str, list[StoredSpan]], tmp_path: Path
) -> None:
    erased(path, user="u-1")
    never = tmp_path / "never.db"
    (lone,) = ask(path, "SELECT trace_id, span_id, name, started_ns, ended_ns FROM spans WHERE run_id = ?", "ef" * 16)
    lone_call = priced(0.5, run_id="ef" * 16)
    store(never, [*spans["u-2"], StoredSpan(lone[0], lone[1], None, *lone[2:], "unset", lone_call.attributes)])

    found, expected = answers(path), answers(never)
    assert {name: answer for name, answer in found.items() if answer != expected[name]} == {}


def test_one_who_is_both_is_meant_when_both_are_given(path: Path) -> None:
    assert erased(path, user="u-1", tenant="tenant of u-2").rows == 0
    assert erased(path, user="u-1", tenant="tenant of u-1").calls == 1


def test_what_began_later_stays(path: Path) -> None:
    assert (erased(path, user="u-1", ago_h=24).calls, count(path, "calls")) == (1, 3)


def test_nobody_is_taken_for_another_by_a_part_of_the_name(path: Path) -> None:
    assert erased(path, user="u-").rows == 0


def test_the_bytes_are_gone_from_the_file(path: Path) -> None:
    erased(path, user="u-1")
    content = b"".join(file.read_bytes() for file in path.parent.glob("store.db*"))

    assert b"report of u-2" in content
    assert b"report of u-1" not in content
    assert b"tenant of u-1" not in content  # the sums by tenant included


def test_traces_are_named_for_what_waits_elsewhere(path: Path) -> None:
    with closing(connect(path, busy_s=1)) as connection:
        find(connection, Whose(time.time_ns(), user="u-1"))

        assert trace_ids(connection) == {THEIRS, "11" * 16}


def test_exports_go_on_behind_what_is_left(path: Path) -> None:
    with closing(connect(path, busy_s=1)) as connection:
        bookmarks.move(connection, "out", "calls", Bookmark(4))
        find(connection, Whose(time.time_ns(), user="u-1"))
        erase(connection)

        assert bookmarks.read(connection, "out")["calls"].up_to == 3
