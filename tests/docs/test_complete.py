"""What the package has, a page names: values, public names, settings; links lead somewhere. More is in `test_both_ways.py`."""

from __future__ import annotations

import ast
import json
import re
from inspect import signature
from typing import TYPE_CHECKING

import pytest

from fastagentic import instrument
from fastagentic.core import names
from fastagentic.core.config import SETTINGS
from fastagentic.core.environment import HONOURED
from tests.project.places import DATA, DOCS, PACKAGE

from .pages import PAGES, code_spans, named

if TYPE_CHECKING:
    from pathlib import Path

    from fastagentic.core.config import Setting

ON_THE_WIRE = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and "." in value}
CONVENTIONS = set(json.loads((DATA / "semconv.json").read_text())["attributes"])
ENUMERATIONS = (
    names.BudgetAction, names.BudgetScope, names.CacheStatus, names.CostSource, names.Operation, names.Outcome, names.StreamEnd,
)  # fmt: skip
NAMES_PAGE = DOCS / "names.md"
NO_TELEMETRY = {"fastagentic.drain", "fastagentic.toml"}
"""An instrument that never has a value: the SDK calls it before each collection, and that is what it is for; and a file."""


@pytest.mark.parametrize("kind", ENUMERATIONS, ids=lambda kind: kind.__name__)
def test_every_value_of_an_enumeration_is_on_the_page_of_names(kind: type[names.CacheStatus]) -> None:
    assert {member.value for member in kind} <= code_spans(NAMES_PAGE)


def test_a_name_on_the_wire_is_written_in_one_module() -> None:
    """`core/names.py` holds them all: a dashboard that reads it misses none."""
    modules = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in PACKAGE.rglob("*.py")}
    elsewhere = {
        (named(path), node.value)
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "core/names.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"(gen_ai|fastagentic)\.[a-z0-9_.]+", node.value) and node.value not in modules
    }

    assert {pair for pair in elsewhere if pair[1] not in NO_TELEMETRY} == set()


def test_every_public_name_is_documented() -> None:
    import fastagentic

    written = "\n".join(page.read_text() for page in PAGES)

    assert not [name for name in fastagentic.__all__ if not re.search(rf"\bfastagentic\.{name}\b", written)]


def test_every_variable_that_is_read_is_documented() -> None:
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    written = "\n".join(page.read_text() for page in PAGES)

    assert not {name for name in re.findall(r"\b(?:FASTAGENTIC|OTEL)_[A-Z_]+\b", source) if name not in written}


def test_a_variable_of_others_that_is_read_is_in_the_table_of_those_that_are_heeded() -> None:
    """Which `fastagentic status --config` prints."""
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    table = {spelling for row in HONOURED for spelling in row.spellings}

    assert set(re.findall(r"[\"'`]((?:OTEL|LANGFUSE)_[A-Z_]+)[\"'`]", source)) <= table


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=list(SETTINGS))
def test_a_setting_is_on_the_page_of_settings(setting: Setting) -> None:
    (row,) = [line for line in (DOCS / "settings.md").read_text().splitlines() if f"`{setting.env}`" in line]

    assert row.startswith(f"| `{setting.name}` |" if setting.name in signature(instrument).parameters else "| |")


@pytest.mark.parametrize("page", [*PAGES, DOCS.parent / "CONTRIBUTING.md"], ids=named)
def test_a_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in target]

    assert not [target for target in targets if target and not (page.parent / target).exists()]
