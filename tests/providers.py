"""Fixtures over the demo's servers: the stand-in provider and the real Portkey gateway."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fastagentic.demo.gateway import GatewayUnavailable, LocalGateway
from fastagentic.demo.provider import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A stand-in provider with an empty log."""
    with StandIn() as provider:
        yield provider


@pytest.fixture(scope="session")
def portkey_gateway() -> Iterator[LocalGateway]:
    """The real gateway, one for the whole session. Where it cannot run, a skip; with `CI=true`, a failure."""
    gateway = LocalGateway()
    try:
        gateway.start()
    except GatewayUnavailable as reason:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"with CI=true nothing may be missing: {reason}", pytrace=False)
        pytest.skip(f"without the real Portkey gateway: {reason}")
    with gateway:
        yield gateway
