"""The shape of `src/`: every module says what it is, none is long, no function is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from .places import PACKAGE, SRC

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60

MODULES = sorted(PACKAGE.rglob("*.py"))


def named(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_says_what_lives_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{named(path)} has no docstring"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_is_not_long(path: Path) -> None:
    lines = len(path.read_text().splitlines())

    assert lines <= LONGEST_MODULE, f"{named(path)} has {lines} lines: what is its second reason to exist?"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_function_is_long(path: Path) -> None:
    functions = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}

    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION}
