"""Every Python block of the README and of `docs/` runs, and prints what it says it prints.

The blocks of a page share names.
`pytest tests/docs/test_blocks.py --update-examples -n 0` writes what they print into the pages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from pytest_examples import find_examples

from .pages import ELSEWHERE, PAGES, TUTORIALS, named

if TYPE_CHECKING:
    import inspect
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_examples import EvalExample


HERE = [page for page in PAGES if page not in {*ELSEWHERE, *TUTORIALS}]


def promised(page: Path) -> list[str]:
    """The lines that the page says its blocks print, in order; those too long for a comment are not among them."""
    return [line for example in find_examples(page) for line in re.findall(r"^ *#> (.*)$", example.source, re.MULTILINE)]


@pytest.mark.parametrize("page", HERE, ids=named)
def test_the_blocks_of_a_page_run(
    page: Path, eval_example: EvalExample, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {}
    printed: list[str] = []

    def hear(file: Path, frame: inspect.FrameInfo, values: Sequence[object]) -> bool:
        printed.extend(" ".join(map(str, values)).splitlines())
        return file.samefile(frame.filename)

    eval_example.include_print = hear
    for example in find_examples(page):
        assert not example.prefix_settings(), f"{example}: no block is skipped or treated on its own"
        run = eval_example.run_print_update if eval_example.update_examples else eval_example.run_print_check
        known |= run(example, module_globals=dict(known), rewrite_assertions=False)

    # What a function of an earlier block prints, pytest-examples holds against no block.
    rest = iter(printed)
    assert [line for line in promised(page) if line not in rest] == []


def test_there_are_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    here, elsewhere = len(list(find_examples(*HERE))), len(list(find_examples(*ELSEWHERE)))
    with capsys.disabled():
        print(f" {here} blocks of {len(HERE)} pages run here, {elsewhere} of {len(ELSEWHERE)} pages in the slow tier ", end="")

    assert here >= 50
