"""The lists of panels in `docs/dashboards.md`: a line for each, from the docstring that Grafana shows as its description."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .board import Board

PAGE: Final = Path(__file__).resolve().parents[2] / "docs/dashboards.md"
BLOCK: Final = re.compile(r"(<!-- panels of ([\w-]+\.json) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_lists(page: str, boards: Sequence[Board]) -> str:
    """The page with each list as the dashboards are now."""
    known = {board.file: board for board in boards}
    return BLOCK.sub(lambda found: f"{found[1]}{_listed(known[found[2]])}{found[3]}", page)


def _listed(board: Board) -> str:
    lines = ["| panel | what it shows | runbook |", "|---|---|---|"]
    for row in dict.fromkeys(panel.row for panel in board.panels):
        lines.append(f"| **{row.replace('$run_id', '...')}** | | |")
        for panel in (one for one in board.panels if one.row == row):
            runbook = f"[{panel.runbook}](runbooks/{panel.runbook}.md)" if panel.runbook else ""
            lines.append(f"| {panel.title} | {panel.description} | {runbook} |")
    return "\n".join(lines) + "\n"
