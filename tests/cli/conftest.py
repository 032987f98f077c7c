"""The command line as people meet it: `cli(...)` runs one command and hands back what it printed and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
from typer.testing import CliRunner, Result

from fastagentic.store.location import store_path
from fastagentic.store.rows import StoredSpan
from tests.store.build import RUN_ID, call, priced, run, store

if TYPE_CHECKING:
    from pathlib import Path

OTHER_RUN = "cd" * 16


class Cli(Protocol):
    def __call__(self, *arguments: str, **variables: str) -> Result: ...


@pytest.fixture
def cli() -> Cli:
    def invoke(*arguments: str, **variables: str) -> Result:
        from fastagentic.cli.app import app

        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120", "NO_COLOR": "1", **variables})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def filled(own_environment: Path) -> Path:
    """A store with two runs, one call outside any run, a cache hit, an error and a call without a price."""
    return fill(store_path())


def fill(path: Path) -> Path:
    """Make that store."""
    root = run("nightly-report", external_id="order-42", user="u-1", tags=("batch",), duration_ns=90 * 10**9, ago_h=1)
    inside: dict[str, Any] = {"parent": root.span_id, "user": "u-1", "ago_h": 1.0}
    first = priced(0.25, tokens_in=1_000, tokens_out=200, tags=("batch", "eu"), gateway="portkey", **inside)
    rescued = priced(
        0.5, model="gpt-4o", retries=2, fallback=True, target="config.targets[1]", stream_end="closed",
        tokens_in=10, tokens_out=1, **inside,
    )  # fmt: skip
    attempt = StoredSpan(
        RUN_ID, "a" * 16, rescued.span_id, "attempt 1", rescued.started_ns, rescued.ended_ns, "error",
        {"fastagentic.attempt.number": 1, "fastagentic.run.id": RUN_ID, "error.type": "APITimeoutError"},
    )  # fmt: skip
    return store(
        path,
        [
            first, rescued, attempt,
            priced(0.0, saved=0.25, cache="hit", hit=True, tokens_in=1_000, tokens_out=200, **inside),
            call(error="RateLimitError", **inside),
            root,
            run("chat", run_id=OTHER_RUN, ago_h=2, duration_ns=10**9),
            call(model="llama-of-tomorrow", source="unknown", tokens_in=5, tokens_out=5, run_id=OTHER_RUN, ago_h=2),
            priced(0.0004, run_id="ef" * 16),
        ],
    )  # fmt: skip
