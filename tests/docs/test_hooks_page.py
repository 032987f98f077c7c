"""The page about hooks names every event, every answer, every fact, and the table of what they do is the dispatcher's."""

from __future__ import annotations

import re

import pytest

from fastagentic.hooks import HookResultAction
from fastagentic.hooks.dispatch import HONOURED
from fastagentic.hooks.registry import EVENTS
from tests.hooks.test_llm_calls import FACTS
from tests.project.places import DOCS

from .pages import code_spans

PAGE = DOCS / "hooks.md"
ANSWERS = [action for action in HookResultAction if action is not HookResultAction.PROCEED]


@pytest.mark.parametrize("name", [*EVENTS, *sorted(FACTS)])
def test_the_page_names_it(name: str) -> None:
    assert name in code_spans(PAGE)


@pytest.mark.parametrize("action", ANSWERS)
def test_the_table_has_a_dash_exactly_where_an_event_does_nothing_with_an_answer(action: HookResultAction) -> None:
    lines = PAGE.read_text().splitlines()
    (head,) = [line for line in lines if line.startswith("| | on_request")]
    (row,) = [line for line in lines if re.match(rf"\| `{action}\(", line)]
    columns = [cell.strip() for cell in head.strip("|").split("|")][1:]
    cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
    for events, cell in zip(columns, cells, strict=True):
        for event in events.split(", "):
            assert (action in HONOURED[event]) is (cell != "-")
