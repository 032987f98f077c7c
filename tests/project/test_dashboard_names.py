"""A dashboard names metrics and attributes; when the Python renames one, the panel that would stay empty is named here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.src import known, series
from tests.project.places import REPO

if TYPE_CHECKING:
    from pathlib import Path

DASHBOARDS = {path.name: json.loads(path.read_text()) for path in sorted((REPO / "dashboards").glob("*.json"))}
EVERY = [*DASHBOARDS.values()]

COUNTS = """
import json, sys
from dashboards.src.known import unknown_in
print(json.dumps([what for path in sys.argv[1:] for what in unknown_in(json.load(open(path)))]))
"""


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_uses_no_name_that_the_python_does_not_have(name: str) -> None:
    assert known.unknown_in(DASHBOARDS[name]) == []


@pytest.mark.parametrize(
    ("old", "new", "panels"),
    [
        ("fastagentic.cost", "fastagentic.spend", {"Spend in range", "Cost per call by model"}),
        ("fastagentic.cache.status", "fastagentic.cache.state", {"Cache hit rate", "Cache lookups by status"}),
        ("gen_ai.usage.cost", "gen_ai.cost", {"Dearest calls kept by sampling"}),
    ],
)
def test_a_rename_in_the_python_names_the_panels_that_it_breaks(tmp_path: Path, old: str, new: str, panels: set[str]) -> None:
    shutil.copytree(REPO / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    names = tmp_path / "src/fastagentic/core/names.py"
    names.write_text(names.read_text().replace(f'"{old}"', f'"{new}"'))

    said = told_with(tmp_path / "src")

    assert {panel for panel in panels if any(repr(panel) in line for line in said)} == panels, said


@pytest.mark.parametrize("one", series.INSTRUMENTS, ids=lambda one: one.otel)
def test_every_metric_is_missed_by_a_panel_when_it_goes(one: series.Series) -> None:
    rest = {name for name in known.known_series() if not name.startswith(one.base)}

    assert panels_missing({"metrics": rest})


@pytest.mark.parametrize("label", sorted(series.LABELS - known.FOREIGN_LABELS))
def test_every_label_is_missed_by_a_panel_when_it_goes(label: str) -> None:
    assert panels_missing({"labels": set(series.LABELS) - {label}})


def told_with(src: Path) -> list[str]:
    """What the committed dashboards lack, by the package in `src`."""
    paths = [str(path) for path in sorted((REPO / "dashboards").glob("*.json"))]
    environment = {"PYTHONPATH": str(src), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", COUNTS, *paths], cwd=REPO, env=environment, capture_output=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def panels_missing(given: dict[str, Any]) -> list[str]:
    return [what for dashboard in EVERY for what in known.unknown_in(dashboard, **given) if what.startswith("panel ")]
