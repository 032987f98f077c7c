"""The blocks of pages that show other people's packages, each page's in an environment that has them, as programs of their own.

A page of recipes is one program, as a reader types it from top to bottom; a page that compares shows whole programs, block by
block. The first program of the page about the published version runs with that version.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.coexistence.test_side_by_side import ENVIRONMENT as COEXISTENCE
from tests.frameworks.environments import KEPT, Environment
from tests.frameworks.test_frameworks import FRAMEWORKS

from .pages import ELSEWHERE, named

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

BY_FRAMEWORK = {framework.environment.name: framework.environment for framework in FRAMEWORKS}
LITELLM = Environment("litellm-alone", ("litellm",))
ENVIRONMENTS = {
    "langchain": BY_FRAMEWORK["langchain"],
    "dspy": BY_FRAMEWORK["dspy"],
    "celery": Environment("celery", ("celery==5.7.0", "litellm")),
    "coexistence": COEXISTENCE,
    "litellm-alone": LITELLM,
    "published": LITELLM,
}
PUBLISHED = Environment("published", ("fastagentic==1.2.2",), has_checkout=False, locked=("pydantic",))


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def programs() -> list[object]:
    """Each program, what it prints by its page, and the environment that it needs."""
    found = []
    for page, name in ELSEWHERE.items():
        parts = blocks(page) if "coming-from" in page.parts else ["\n".join(blocks(page))]
        for number, program in enumerate(parts):
            environment = PUBLISHED if name == "published" and number == 0 else ENVIRONMENTS[name]
            found.append(pytest.param(program, environment, id=f"{named(page)} {number}"))
    return found


@pytest.mark.parametrize(("program", "environment"), programs())
def test_a_program_of_a_page_prints_what_the_page_says(program: str, environment: Environment, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(program)
    promised = re.findall(r"^ *#> (.*)$", program, re.MULTILINE)
    variables = {name: os.environ[name] for name in KEPT if name in os.environ}
    variables |= {"HOME": str(tmp_path), "FASTAGENTIC_HOME": str(tmp_path), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}

    done = subprocess.run(
        [environment.python(), file], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == promised
