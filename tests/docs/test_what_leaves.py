"""docs/what-leaves.md, held to its word: nothing secret is in a span, a metric, a log record or the store."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.spans import Memory

PROMPT = "zebra-in-the-prompt"
ANSWER = "yak-in-the-answer"
FAILURE = "wombat-in-the-exception"
KEY = "sk-vole-in-the-key"
HEADER = "tapir-in-a-header"
CONFIG_KEY = "sk-stoat-in-the-config"
METADATA = "newt-in-the-metadata"
TOOL = "moose_in_the_tools"
SECRETS = (PROMPT, ANSWER, FAILURE, KEY, HEADER, CONFIG_KEY, METADATA, TOOL)

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Say {PROMPT}."}]
TOOLS = [{"type": "function", "function": {"name": TOOL, "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture
def observed(memory: Memory) -> Iterator[Memory]:
    """Everything on: the local store, spans and metrics in memory."""
    import fastagentic

    fastagentic.instrument(tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)
    with fastagentic.run("secrets") as run:
        run.metadata["note"] = METADATA
        yield memory


def told(memory: Memory, home: Path, log: str) -> str:
    """All that was recorded anywhere, as one text."""
    import fastagentic

    gc.collect()
    assert fastagentic.flush(timeout=10)
    spans = [span.to_json() for span in memory.spans]
    files = [path.read_bytes().decode("latin-1") for path in home.iterdir()]
    assert any("gpt-4o-mini" in file for file in files)  # what is stored can be found this way
    return "\n".join([*spans, str(memory.metrics), *files, log])


async def through_every_door(create: Any, acreate: Any, **arguments: Any) -> None:
    """Answered, streamed to the end, and left half way; sync and async."""
    create(**arguments)
    for _ in create(**arguments, stream=True):
        pass
    next(iter(create(**arguments, stream=True)))
    await acreate(**arguments)
    async for _ in await acreate(**arguments, stream=True):
        pass
    await anext(aiter(await acreate(**arguments, stream=True)))


def assert_nothing_secret(recorded: str, calls: int) -> None:
    assert recorded.count('"name": "chat ') == calls
    assert not [secret for secret in SECRETS if secret in recorded]


async def test_litellm_leaves_no_content_and_no_key(
    observed: Memory, own_environment: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import litellm

    arguments: dict[str, Any] = {
        "model": "gpt-4o-mini", "messages": MESSAGES, "api_key": KEY, "metadata": {"note": METADATA},
        "extra_headers": {"x-own": HEADER},
    }  # fmt: skip

    await through_every_door(litellm.completion, litellm.acompletion, **arguments, mock_response=ANSWER)
    with pytest.raises(Exception, match=FAILURE):
        litellm.completion(**arguments, mock_response=Exception(FAILURE))

    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("fastagentic"))
    assert_nothing_secret(told(observed, own_environment, ours), calls=7)


async def test_portkey_leaves_no_content_and_no_key(
    observed: Memory, own_environment: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from portkey_ai import AsyncPortkey, Portkey

    from fastagentic.demo.provider import StandIn

    settings: dict[str, Any] = {
        "api_key": KEY, "config": {"provider": "openai", "api_key": CONFIG_KEY}, "metadata": {"note": METADATA},
    }  # fmt: skip
    arguments: dict[str, Any] = {
        "model": "gpt-4o-mini", "messages": MESSAGES, "tools": TOOLS, "extra_headers": {"x-own": HEADER},
    }  # fmt: skip
    with StandIn() as provider:
        client = Portkey(base_url=provider.url("portkey"), **settings)
        other = AsyncPortkey(base_url=provider.url("portkey"), **settings)
        await through_every_door(client.chat.completions.create, other.chat.completions.create, **arguments)
        failing = Portkey(base_url=provider.url("fail-400"), **settings)
        with pytest.raises(Exception, match="400"):
            failing.chat.completions.create(**arguments)
        await other.openai_client.close()
        for one in (client, failing):
            with contextlib.suppress(AttributeError):
                one.openai_client.close()

    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("fastagentic"))
    assert_nothing_secret(told(observed, own_environment, ours), calls=7)
