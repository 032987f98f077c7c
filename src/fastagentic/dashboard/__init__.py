"""The local dashboard: what the calls in the store cost, as pages and as an API. With `app/` the only room with FastAPI.

A page is a route, which asks `answers/`, which asks `store/queries/` and nothing else; the API hands out the same answers.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

NEEDED: Final = ("fastapi", "sse_starlette", "anyio", "uvicorn", "jinja2", "pydantic")

for _package in NEEDED:
    if find_spec(_package) is None:
        raise ImportError(f"the dashboard needs {_package}, which is not installed: pip install 'fastagentic[dashboard]'")

from .application import Dashboard, dashboard_app  # noqa: E402  # after the check, whose error says more

__all__ = ["Dashboard", "dashboard_app"]
