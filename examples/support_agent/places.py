"""Where the models are: at OpenAI and Portkey when their keys are set, else on this machine, so that the example just runs."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastagentic.demo.gateway import GatewayUnavailable, LocalGateway
from fastagentic.demo.provider import StandIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NO_KEY = "sk-none"


@dataclass
class Places:
    """URLs and keys, and what has to be stopped in the end."""

    openai_url: str | None
    openai_key: str | None
    portkey_url: str | None
    portkey_key: str | None
    targets: list[dict[str, Any]]
    litellm_fallbacks: list[Any]
    running: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def found(cls) -> Places:
        """The real ones, or those of this machine."""
        if os.environ.get("OPENAI_API_KEY") and os.environ.get("PORTKEY_API_KEY"):
            return cls(
                openai_url=None,
                openai_key=os.environ["OPENAI_API_KEY"],
                portkey_url=None,
                portkey_key=os.environ["PORTKEY_API_KEY"],
                targets=[{"virtual_key": "openai-key"}, {"virtual_key": "azure-key"}],
                litellm_fallbacks=["openai/gpt-4.1-nano"],
            )
        return cls.on_this_machine()

    @classmethod
    def on_this_machine(cls) -> Places:
        """A stand-in provider whose first target is always busy, and the real Portkey gateway where Node can run it."""
        running = ExitStack()
        atexit.register(running.close)  # an application that is imported and never served
        stand_in = running.enter_context(StandIn())
        try:
            portkey_url = running.enter_context(LocalGateway()).url
        except GatewayUnavailable:
            portkey_url = stand_in.url("portkey")  # the stand-in speaks Portkey's headers too
        return cls(
            openai_url=stand_in.url("ok"),
            openai_key=NO_KEY,
            portkey_url=portkey_url,
            portkey_key="pk-none",
            targets=[_target(stand_in, "fail-503"), _target(stand_in, "ok")],
            litellm_fallbacks=[{"model": "openai/gpt-4.1-nano", "api_base": stand_in.url("ok_second"), "api_key": NO_KEY}],
            running=running,
        )

    @asynccontextmanager
    async def open(self, app: Any) -> AsyncIterator[None]:
        """While the application runs; what was started for it ends with it."""
        with self.running:
            yield


def _target(stand_in: StandIn, behaviour: str) -> dict[str, Any]:
    return {"provider": "openai", "api_key": NO_KEY, "custom_host": stand_in.url(behaviour)}
