"""The application in `examples/`, as `make example` serves it."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.store.location import store_path
from tests.store.build import count

from .serving import asking, events, is_problem, served

if TYPE_CHECKING:
    from fastagentic.demo.gateway import LocalGateway


@pytest.fixture
def example(portkey_gateway: LocalGateway) -> Any:
    """The module, made anew: `portkey_gateway` says that the real gateway can run here."""
    for name in [name for name in sys.modules if name.startswith("examples")]:
        del sys.modules[name]
    return importlib.import_module("examples.support_agent.main")


def test_both_endpoints_answer_and_their_runs_are_in_the_store(example: Any) -> None:
    import httpx

    with served(example.app) as url, httpx.Client(base_url=url, timeout=60) as client:
        premium = client.post("/premium", json={"question": "Where is order 42?"}, headers={"x-customer": "u-42"})
        standard = client.post("/standard", json={"question": "Where is order 43?"})
        is_problem(client.post("/premium", json={"question": ""}), 422)
        assert {"/premium", "/standard"} <= set(client.get("/openapi.json").json()["paths"])

    assert premium.status_code == 200, premium.text
    assert premium.json()["facts"] == ["order 42: shipped on Monday"]
    assert premium.json()["cost"] > 0
    assert "".join(data for name, data in events(standard.text) if not name)
    assert events(standard.text)[-1][0] == "done"
    assert (count(store_path(), "runs"), count(store_path(), "calls")) == (3, 2)


async def test_the_premium_endpoint_falls_back(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from fastagentic.hooks.dispatch import settle

    async with asking(example.app, timeout=60) as client:
        answer = await client.post("/premium", json={"question": "Hello?"})

    assert answer.status_code == 200, answer.text
    assert settle(10)
    assert "fallback True" in capsys.readouterr().out
