"""A program that makes real calls into a store of its own, and what the doctor says of it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from portkey_ai import Portkey

import fastagentic
from fastagentic.doctor.finding import Severity
from fastagentic.doctor.gather import gather
from fastagentic.doctor.rules import diagnose
from fastagentic.doctor.setups import read_setup
from fastagentic.integrations.portkey import PortkeyGateway
from tests.spans import tick

if TYPE_CHECKING:
    from fastagentic.demo.gateway import LocalGateway
    from fastagentic.demo.provider import StandIn
    from fastagentic.doctor.evidence import LiteLLMSetup, PortkeySetup
    from fastagentic.doctor.finding import Finding

ASKED = "What follows from the second clause?"


class Clock:
    """The time, and as much later as a test says. All else is the real module's."""

    ahead_s = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time_ns(self) -> int:
        return time.time_ns() + int(self.ahead_s * 1e9)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


class Program:
    """Asks through a gateway, and is examined."""

    def __init__(self, provider: StandIn, base_url: str, clock: Clock) -> None:
        self.provider = provider
        self.base_url = base_url
        self.clock = clock

    def target(self, segment: str = "ok", **more: Any) -> dict[str, Any]:
        return {"provider": "openai", "api_key": "sk-test", "custom_host": self.provider.url(segment), **more}

    def fallback(self, *segments: str, **strategy: Any) -> dict[str, Any]:
        return {"strategy": {"mode": "fallback", **strategy}, "targets": [self.target(segment) for segment in segments]}

    def ask(self, config: dict[str, Any], text: str = ASKED, *, headers: Any = None, **more: Any) -> None:
        """One call; whether it fails is what the doctor is to see."""
        client = Portkey(api_key="pk-test", base_url=self.base_url, config=config, max_retries=0)
        messages = [{"role": "user", "content": text}]
        with contextlib.suppress(Exception), contextlib.closing(client.openai_client):
            client.chat.completions.create(model="gpt-4o-mini", messages=messages, extra_headers=headers or {}, **more)

    def setup(self, config: dict[str, Any], **options: Any) -> Any:
        return read_setup("the gateway", PortkeyGateway(api_key="pk-test", base_url=self.base_url, config=config, **options))


def examined(*setups: PortkeySetup | LiteLLMSetup, network: bool = False) -> dict[str, Finding]:
    """What the doctor finds, without what is in order, by code."""
    assert fastagentic.flush(timeout=10)
    findings = diagnose(gather(setups, network=network))
    return {finding.code: finding for finding in findings if finding.severity is not Severity.OK}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    import fastagentic.clients.portkey  # the clock goes where it is looked up
    import fastagentic.observe.observer  # noqa: F401

    clock = Clock()
    tick(monkeypatch, clock)  # type: ignore[arg-type]
    return clock


@pytest.fixture
def captures() -> bool:
    """Whether prompts are captured; a test may say otherwise."""
    return True


@pytest.fixture
def hosted(stand_in: StandIn, clock: Clock, captures: bool) -> Program:
    """Behind the stand-in that answers as the hosted gateway, for what the open-source one does not do."""
    fastagentic.instrument(destinations=["local"], capture_content=captures)
    stand_in.hosted.now = clock.monotonic
    return Program(stand_in, stand_in.url("portkey"), clock)


@pytest.fixture
def real(stand_in: StandIn, portkey_gateway: LocalGateway, clock: Clock, captures: bool) -> Program:
    """Behind Portkey's own gateway, from npm."""
    fastagentic.instrument(destinations=["local"], capture_content=captures)
    return Program(stand_in, portkey_gateway.url, clock)
