"""What providers charge for beside tokens is counted through the real SDKs, and comes to a bill that is written by hand."""

from __future__ import annotations

import io
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from tests.clients.every_door import recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.gateway import LocalGateway
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

ASKED = "What did the run cost? " * 260
"""Long enough for the stand-in's prompt cache."""
MESSAGES = [{"role": "user", "content": ASKED}]
FOR_AN_HOUR = [
    {"role": "user", "content": [{"type": "text", "text": ASKED, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}
]
ANTHROPIC_SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
USAGE = {"include_usage": True}

Bill = list[tuple[int | float, str]]
"""Counts, and USD per million of each."""


def portkey(url: str, provider: str = "openai") -> Any:
    from portkey_ai import Portkey

    return Portkey(api_key="pk-test", base_url=url, provider=provider, calculate_audio_duration=False)


def openai(url: str) -> Any:
    from openai import OpenAI

    return OpenAI(api_key="sk-test", base_url=url, max_retries=0, default_headers={"x-portkey-provider": "openai"})


def anthropic_at(fresh: str, read: str, written: str, out: str, searches: int = 0) -> Callable[[dict[str, Any]], Bill]:
    def bill(usage: dict[str, Any]) -> Bill:
        return [
            (usage["input_tokens"], fresh),
            (usage["cache_read_input_tokens"], read),
            (usage["cache_creation_input_tokens"], written),
            (usage["output_tokens"], out),
            (searches, "10000"),
        ]

    return bill


def chat_at(fresh: str, read: str, out: str) -> Callable[[dict[str, Any]], Bill]:
    def bill(usage: dict[str, Any]) -> Bill:
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        return [(usage["prompt_tokens"] - cached, fresh), (cached, read), (usage["completion_tokens"], out)]

    return bill


def response_at(fresh: str, read: str, out: str, searches: int) -> Callable[[dict[str, Any]], Bill]:
    def bill(usage: dict[str, Any]) -> Bill:
        cached = usage["input_tokens_details"]["cached_tokens"]
        return [(usage["input_tokens"] - cached, fresh), (cached, read), (usage["output_tokens"], out), (searches, "10000")]

    return bill


def image_at(text: str, image: str, out: str) -> Callable[[dict[str, Any]], Bill]:
    def bill(usage: dict[str, Any]) -> Bill:
        asked = usage["input_tokens_details"]
        return [(asked["text_tokens"], text), (asked["image_tokens"], image), (usage["output_tokens"], out)]

    return bill


def read(stream: Any) -> None:
    for _ in stream:
        pass


def message(url: str, **more: Any) -> None:
    arguments = {"model": "claude-sonnet-4-5", "messages": MESSAGES, "max_tokens": 64, **more}
    portkey(url, "anthropic").post(url="/messages", **arguments)


def litellm_chat(url: str, model: str, **more: Any) -> None:
    import litellm

    base = url.removesuffix("/v1") if model.startswith("anthropic/") else url
    arguments = {"messages": MESSAGES, "api_base": base, "api_key": "sk-test", "max_retries": 0, "max_tokens": 64, **more}
    answer = litellm.completion(model=model, **arguments)
    if more.get("stream"):
        read(answer)


@dataclass(frozen=True)
class Charged:
    """A call, and how it is charged, by the price lists of November 2026."""

    name: str
    ask: Callable[[str], Any]
    bill: Callable[[dict[str, Any]], Bill]
    tier: str | None = None

    def __str__(self) -> str:
        return self.name


SONNET = anthropic_at("3", "0.30", "3.75", "15")
SONNET_HOUR = anthropic_at("3", "0.30", "6", "15")
SONNET_SEARCHES = anthropic_at("3", "0.30", "3.75", "15", searches=2)
FLEX, PRIORITY, USUAL = chat_at("0.625", "0.0625", "5"), chat_at("2.50", "0.25", "20"), chat_at("1.25", "0.125", "10")
SEARCH = {"tools": [{"type": "web_search"}]}

CHARGED = (
    Charged("anthropic, cached for minutes", message, SONNET, "standard"),
    Charged("anthropic, cached for an hour", lambda url: message(url, messages=FOR_AN_HOUR), SONNET_HOUR, "standard"),
    Charged("anthropic, searches", lambda url: message(url, tools=[ANTHROPIC_SEARCH]), SONNET_SEARCHES, "standard"),
    *(
        Charged(
            f"{client} flex{' stream' if more else ''}",
            lambda url, make=make, more=more: read(
                make(url).chat.completions.create(model="gpt-5", messages=MESSAGES, service_tier="flex", **more) or ()
            ),
            FLEX,
            "flex",
        )
        for client, make in (("portkey", portkey), ("openai", openai))
        for more in ({}, {"stream": True, "stream_options": USAGE})
    ),
    *(
        Charged(
            f"litellm {tier}{' stream' if more else ''}",
            lambda url, tier=tier, more=more: litellm_chat(url, "openai/gpt-5", service_tier=tier, **more),
            bill,
            tier,
        )
        for tier, bill in (("flex", FLEX), ("priority", PRIORITY), ("default", USUAL))
        for more in ({}, {"stream": True, "stream_options": USAGE})
    ),
    *(
        Charged(
            f"litellm anthropic hour{' stream' if more else ''}",
            lambda url, more=more: litellm_chat(url, "anthropic/claude-sonnet-4-5", messages=FOR_AN_HOUR, **more),
            SONNET_HOUR,
            "standard" if not more else None,
        )
        for more in ({}, {"stream": True, "stream_options": USAGE})
    ),
    *(
        Charged(
            f"litellm anthropic searches{' stream' if more else ''}",
            lambda url, more=more: litellm_chat(url, "anthropic/claude-sonnet-4-5", tools=[ANTHROPIC_SEARCH], **more),
            SONNET_SEARCHES,
            "standard" if not more else None,
        )
        for more in ({}, {"stream": True, "stream_options": USAGE})
    ),
    Charged(
        "responses, searches",
        lambda url: portkey(url).responses.create(model="gpt-4o", input=ASKED, **SEARCH),
        response_at("2.50", "1.25", "10", searches=2),
    ),
    Charged(
        "responses, searches, stream",
        lambda url: read(portkey(url).responses.create(model="gpt-4o", input=ASKED, stream=True, **SEARCH)),
        response_at("2.50", "1.25", "10", searches=2),
    ),
    Charged(
        "responses, flex",
        lambda url: openai(url).responses.create(model="gpt-5", input=ASKED, service_tier="flex"),
        response_at("0.625", "0.0625", "5", searches=0),
        "flex",
    ),
    Charged(
        "an image that is edited",
        lambda url: openai(url).images.edit(
            model="gpt-image-1", prompt=ASKED, image=io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(32))
        ),
        image_at("5", "10", "40"),
    ),
    Charged(
        "images by the piece",
        lambda url: portkey(url).images.generate(model="dall-e-3", prompt="a cat", n=3),
        lambda _: [(3, "40000")],
    ),
    Charged(
        "audio by the second",
        lambda url: openai(url).audio.transcriptions.create(model="whisper-1", file=recording()),
        lambda usage: [(usage["seconds"], "100")],
    ),
    Charged(
        "speech by the character",
        lambda url: portkey(url).audio.speech.create(model="tts-1", voice="alloy", input="Four cents, as ever."),
        lambda _: [(len("Four cents, as ever."), "15")],
    ),
)


@pytest.mark.parametrize("charged", CHARGED, ids=str)
def test_a_call_costs_what_is_written_on_the_bill(charged: Charged, stand_in: StandIn, memory: Memory) -> None:
    fastagentic.instrument(
        destinations=[], tracer_provider=memory.tracer_provider, prices={"dall-e-3": {"image": "0.04"}}
    )  # fmt: skip

    charged.ask(stand_in.url())
    fastagentic.flush()

    found = dict(memory.span.attributes or {})
    bill = charged.bill(stand_in.exchanges[0].usage or {})
    expected = sum(Decimal(str(count)) * Decimal(rate) for count, rate in bill) / 1_000_000
    assert expected > 0
    assert found["gen_ai.usage.cost"] == pytest.approx(float(expected), rel=1e-9)
    assert found.get("fastagentic.service_tier") == charged.tier


def test_counts_that_a_gateway_leaves_beside_the_whole_are_part_of_it(
    portkey_gateway: LocalGateway, stand_in: StandIn, memory: Memory
) -> None:
    """The gateway hands on Anthropic's input, which leaves out the cache, as `prompt_tokens`."""
    from portkey_ai import Portkey

    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
    target = {"provider": "anthropic", "api_key": "sk-test", "custom_host": stand_in.url()}
    client = Portkey(api_key="pk-test", base_url=portkey_gateway.url, config=target)

    asked = {"model": "claude-sonnet-4-5", "messages": MESSAGES, "max_tokens": 64}
    client.chat.completions.create(**asked)
    read(client.chat.completions.create(**asked, stream=True))
    fastagentic.flush()

    for exchange, span in zip(stand_in.exchanges, memory.spans, strict=True):
        usage, found = exchange.usage, dict(span.attributes or {})
        cached = usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
        expected = sum(Decimal(count) * Decimal(rate) for count, rate in SONNET(usage)) / 1_000_000
        assert cached > 0
        assert found["gen_ai.usage.input_tokens"] == usage["input_tokens"] + cached
        assert found["gen_ai.usage.cache_creation.input_tokens"] == usage["cache_creation_input_tokens"]
        assert found["gen_ai.usage.cost"] == pytest.approx(float(expected), rel=1e-9)
