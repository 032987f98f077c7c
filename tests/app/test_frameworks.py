"""Runnables of other people's frameworks behind endpoints, each in its released form, in an environment of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.frameworks.environments import Environment

pytestmark = pytest.mark.slow

APP = ("fastapi", "uvicorn", "sse-starlette", "anyio", "limits", "tenacity", "httpx")
ENVIRONMENT = Environment("app-runnables", (*APP, "langchain-core", "langgraph", "pydantic-ai-slim"))
PROGRAM = Path(__file__).parent / "programs" / "runnables.py"


def test_their_runnables_answer_and_stream(tmp_path: Path) -> None:
    found: dict[str, Any] = ENVIRONMENT.run(PROGRAM, home=tmp_path)

    assert found == {
        "/langchain": {"text": "four cents"},
        "/langgraph": {"text": "WHAT DOES IT COST?"},
        "/pydantic-ai": {"text": "from the agent"},
        "/langchain-stream": "four cents",
        "/pydantic-ai-stream": "from the agent",
    }
