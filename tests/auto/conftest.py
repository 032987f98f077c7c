"""A stand-in provider that the programs find by their environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn


@pytest.fixture
def answering(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in provider, named to every program that is started."""
    monkeypatch.setenv("STAND_IN", stand_in.url("portkey"))
    return stand_in
