"""Every question of `store/queries/`, asked of one store: what two stores that hold the same must agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastagentic.store.queries import costs, models, reliability, run_tree, runs, status
from fastagentic.store.reader import open_store

if TYPE_CHECKING:
    from pathlib import Path


def answers(path: Path) -> dict[str, Any]:
    """The answers by question."""
    with open_store(path) as connection:
        known = runs.runs(connection, lone_calls=True)
        found: dict[str, Any] = {f"costs by {by}": costs.costs(connection, by=by) for by in costs.GroupBy}
        found["total"] = costs.total(connection)
        found["runs"] = known
        found["trees"] = [run_tree.run_tree(connection, run.run_id) for run in known]
        found["models"] = models.seen_models(connection)
        found["groups"] = reliability.groups(connection)
        found["lost attempts"] = reliability.lost_attempts(connection)
        found["requests"] = reliability.requests(connection)
        now = status.status(connection, path)
        found["status"] = (now.spans, now.calls, now.runs, now.oldest_ns, now.newest_ns, now.drops, now.unpriced)
    return found
