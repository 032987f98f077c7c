"""The application layer: `App` and `agent_endpoint` on FastAPI. The only room, with the dashboard, that imports FastAPI.

A request is a run: its span, its gateway, its hooks, its limits. What an endpoint runs is the user's own.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

NEEDED: Final = ("fastapi", "sse_starlette", "anyio", "limits", "tenacity")

for _package in NEEDED:
    if find_spec(_package) is None:
        raise ImportError(f"App and agent_endpoint need {_package}, which is not installed: pip install 'fastagentic[app]'")
