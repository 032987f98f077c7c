"""What holds for every test of hooks: a log of what hooks were told, and the doors to fire them through."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.gateways import recognise
from fastagentic.hooks import HookContext, HookResult, hook
from tests.clients.doors import DOORS, MESSAGES, Door
from tests.clients.openai_sdk import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PORTKEY_HEADERS = {"x-portkey-provider": "openai"}


def openai_door(kind: str) -> Door:
    """The OpenAI SDK at a Portkey gateway."""

    def asked(url: str, **more: Any) -> Any:
        options = {"base_url": url, "default_headers": PORTKEY_HEADERS}
        return ask(kind, MESSAGES[0]["content"], options=options, **more)

    return Door(f"openai-{kind}", "portkey", asked)


ALL_DOORS = (*DOORS, openai_door("sync"), openai_door("async"))
"""Each client, sync and async; every one of them takes `stream=True`."""

each_door = pytest.mark.parametrize("door", ALL_DOORS, ids=str)
streamed_or_not = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """No test's base URLs are another's."""
    yield
    recognise.forget()


@dataclass
class Told:
    """What hooks were told, in order: (name, context as it was then)."""

    seen: list[tuple[str, HookContext]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.seen]

    def of(self, name: str) -> HookContext:
        """The only context that this hook was told."""
        (ctx,) = [ctx for one, ctx in self.seen if one == name]
        return ctx

    def keep(self, name: str, ctx: HookContext) -> None:
        self.seen.append((name, replace(ctx, metadata=dict(ctx.metadata))))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(params=[False, True], ids=["def", "async-def"])
def register(request: pytest.FixtureRequest, told: Told) -> Callable[..., None]:
    """Registers a hook, sync or async, that keeps what it is told and answers what it was made with."""

    def registered(event: str, answer: HookResult | None = None, *, name: str | None = None, **terms: Any) -> None:
        def plain(ctx: HookContext) -> Any:
            told.keep(name or event, ctx)
            return answer(ctx) if callable(answer) else answer

        async def awaited(ctx: HookContext) -> Any:
            return plain(ctx)

        function = awaited if request.param else plain
        function.__qualname__ = name or event
        hook(event, **terms)(function)

    return registered
