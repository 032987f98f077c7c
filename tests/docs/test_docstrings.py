"""Every example in a docstring runs and answers what it says."""

from __future__ import annotations

import doctest
import importlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.project.places import PACKAGE, SRC

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTIONS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


def modules() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if ">>> " in path.read_text():
            yield ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("name", list(modules()))
def test_the_examples_of_a_module_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())  # an example may set a variable
    module = importlib.import_module(name)
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=OPTIONS)

    for examples in finder.find(module, name):
        runner.run(examples)

    assert runner.tries
    assert not runner.failures
