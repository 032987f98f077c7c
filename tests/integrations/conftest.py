"""What holds for every test here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.gateways import recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastagentic.demo.provider import StandIn


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """No test's base URLs are another's."""
    yield
    recognise.forget()


@pytest.fixture
def target(stand_in: StandIn) -> Callable[..., dict[str, Any]]:
    """A target of a config: the stand-in, behaving so."""

    def at(segment: str = "ok", **more: Any) -> dict[str, Any]:
        return {"provider": "openai", "api_key": "sk-test", "custom_host": stand_in.url(segment), **more}

    return at
