"""The matrix again, through real gateways: Portkey's from npm, and a LiteLLM proxy; every entry point that they serve."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

import fastagentic
from fastagentic.gateways import recognise
from tests.clients.cells import CELLS, Cell, break_off, is_broken_off, is_content_told, is_one_call, play
from tests.clients.every_door import Place, behind_portkey
from tests.clients.expected import cost_of, counts_of
from tests.proxy import KEY, SERVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.demo.provider import StandIn
    from tests.proxy import LiteLLMProxy
    from tests.spans import Memory

NPM: Final = "npm"
PROXY: Final = "proxy"
CLIENTS: Final = {NPM: ("portkey", "openai"), PROXY: ("litellm", "openai")}
"""Gateway -> the clients that are made to speak to it."""

# What a gateway does not serve: client and method -> why. A test below sees that each is still refused.
UNSERVED: Final = {
    NPM: {
        ("portkey", "prompts.completions.create"): "prompts are kept by the hosted gateway alone",
    },
    PROXY: {
        ("litellm", "image_variation"): "LiteLLM refuses `litellm_proxy/` for it, before anything is sent",
        ("openai", "images.create_variation"): "the proxy has no such path: 404",
        ("openai", "audio.translations.create"): "the proxy has no such path: 404",
    },
}  # fmt: skip
UNSERVED_SYNC: Final = {
    PROXY: {("litellm", "moderation"): "sync, LiteLLM sends the model's name with `litellm_proxy/` before it"}
}
UNSTREAMED: Final = {
    PROXY: {("openai", "audio.transcriptions.create"): "the proxy answers in one piece: the SDK yields nothing"}
}

# What is served and of unknown cost.
UNPRICED: Final = {
    PROXY: {
        ("litellm", "anthropic_messages"): "plain, LiteLLM hands on neither what it cost the proxy nor which model answered",
        ("litellm", "google_genai.generate_content"): "the same",
        ("litellm", "rerank"): "LiteLLM drops the proxy's headers, and states 0 where it knows no price",
    }
}  # fmt: skip

# What a gateway imports to serve a method.
NEEDS: Final = {PROXY: {"responses": "nacl"}}


def method_of(cell: Cell) -> tuple[str, str]:
    return cell.row.client, str(cell.row.plain or cell.row.awaited)


def is_unserved(gateway: str, cell: Cell) -> bool:
    is_refused = method_of(cell) in UNSERVED[gateway]
    return is_refused or (not cell.is_async and method_of(cell) in UNSERVED_SYNC.get(gateway, {}))


def is_unstreamed(gateway: str, cell: Cell) -> bool:
    return cell.is_streamed and method_of(cell) in UNSTREAMED.get(gateway, {})


def through(cells: list[Cell], *, is_served: bool, keep: int = 0) -> Any:
    """Gateway and cell, as far as the gateway serves them; `keep` of each client stay in the default tier."""
    found, kept = [], dict.fromkeys(CLIENTS, 0)
    for gateway, clients in CLIENTS.items():
        for cell in cells:
            if cell.row.client in clients and is_unserved(gateway, cell) != is_served and not is_unstreamed(gateway, cell):
                is_kept = gateway == NPM and cell.row.client == "portkey" and kept[gateway] < keep
                kept[gateway] += is_kept
                marks = [] if is_kept else [pytest.mark.slow]
                found.append(pytest.param(gateway, cell, id=f"{gateway}-{cell}", marks=marks))
    return pytest.mark.parametrize(("gateway", "cell"), found)


with_and_without_content = pytest.mark.parametrize(
    "content", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["without content", "with content"]
)


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    yield
    recognise.forget()


@pytest.fixture
def observed(content: bool, memory: Memory) -> Memory:
    fastagentic.instrument(
        destinations=[], capture_content=content, tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider
    )
    return memory


@dataclass
class Behind:
    """A gateway with a provider of ours behind it."""

    name: str
    cell: Cell
    provider: StandIn
    url: str

    def place(self, segment: str) -> Place:
        """What the client is told to reach, through the gateway, a provider that behaves so."""
        if self.name == NPM:
            return behind_portkey(self.url, self.provider.url(segment), self.cell.row)
        self.provider.behaves = segment  # type: ignore[attr-defined]  # the proxy's own
        return Place(self.url, key=KEY, prefix=self.prefix)

    def has_answered(self) -> None:
        """As after a first call: the OpenAI SDK's are known as a proxy's by an answer alone, which may not come."""
        if self.name == PROXY:
            recognise.by_response(f"{self.url}/", ["x-litellm-call-id"])

    @property
    def prefix(self) -> str:
        return "litellm_proxy/" if self.cell.row.client == "litellm" else ""

    @property
    def told(self) -> dict[str, str]:
        """What the span says of the gateway, and of the model."""
        return {"gateway": "portkey" if self.name == NPM else "litellm", "prefix": self.prefix}


@pytest.fixture
def behind(gateway: str, cell: Cell, request: pytest.FixtureRequest) -> Behind:
    for word, package in NEEDS.get(gateway, {}).items():
        if word in str(cell.row) and importlib.util.find_spec(package) is None:
            pytest.skip(f"the LiteLLM proxy imports {package} for {word}, which is not installed")
    if gateway == NPM:
        return Behind(gateway, cell, request.getfixturevalue("stand_in"), request.getfixturevalue("portkey_gateway").url)
    proxy: LiteLLMProxy = request.getfixturevalue("litellm_proxy")
    return Behind(gateway, cell, proxy.provider, proxy.url)


@with_and_without_content
@through(CELLS, is_served=True, keep=40)
def test_a_call_is_one_llm_span_with_the_usage_and_the_cost_of_its_answer(
    gateway: str, cell: Cell, content: bool, behind: Behind, observed: Memory
) -> None:
    run = play(cell, behind.place("ok"), observed)
    (asked,) = behind.provider.exchanges
    found = is_one_call(cell, observed, **behind.told)
    assert found.get("fastagentic.stream.end") == ("exhausted" if cell.is_streamed else None)
    assert "error.type" not in found
    assert "fastagentic.usage.estimated" not in found
    if cell.row.states_usage:
        stated = counts_of(asked.usage)
        assert found["gen_ai.usage.input_tokens"] == stated.input
        assert found.get("gen_ai.usage.output_tokens") == (None if cell.row.operation == "embeddings" else stated.output)
    if method_of(cell) in UNPRICED.get(gateway, {}) and not cell.is_streamed:
        assert (found.get("gen_ai.usage.cost"), found["fastagentic.cost.source"]) == (None, "unknown")
    elif cell.row.is_priced:
        client = "litellm" if gateway == PROXY and not cell.is_streamed else cell.row.client
        assert found["gen_ai.usage.cost"] == pytest.approx(cost_of(client, asked.model, asked.usage), rel=1e-9)
        assert run.usage.cost == pytest.approx(found["gen_ai.usage.cost"])
    is_content_told(cell, observed, is_asked_for=content, answer=asked.text, is_whole=True)


@with_and_without_content
@through(CELLS, is_served=True, keep=4)
def test_an_error_of_the_provider_is_one_llm_span_with_the_class_of_the_users_own_exception(
    gateway: str, cell: Cell, content: bool, behind: Behind, observed: Memory
) -> None:
    with pytest.raises(Exception, match="asked to answer 400") as caught:
        play(cell, behind.place("fail-400"), observed)
    found = is_one_call(cell, observed, **behind.told)
    assert found["error.type"] == type(caught.value).__qualname__
    assert not {"gen_ai.usage.cost", "gen_ai.usage.output_tokens"} & found.keys()
    is_content_told(cell, observed, is_asked_for=content, answer="", is_whole=True)


@with_and_without_content
@through(CELLS, is_served=True, keep=4)
def test_a_call_that_is_broken_off_is_one_llm_span_that_says_so(
    gateway: str, cell: Cell, content: bool, behind: Behind, observed: Memory
) -> None:
    place = behind.place("ok" if cell.is_streamed else "slow-3000ms")
    behind.has_answered()
    error = break_off(cell, place, observed, behind.provider)
    (asked,) = behind.provider.exchanges
    is_broken_off(cell, is_one_call(cell, observed, **behind.told), error)
    is_content_told(cell, observed, is_asked_for=content, answer=asked.text, is_whole=False)


@pytest.mark.parametrize("content", [False])
@through(CELLS, is_served=False)
def test_what_a_gateway_does_not_serve_is_refused_and_is_one_failed_call(
    gateway: str, cell: Cell, behind: Behind, observed: Memory
) -> None:
    behind.has_answered()
    with pytest.raises(Exception) as caught:  # noqa: PT011  # each in its own words
        play(cell, behind.place("ok"), observed)
    assert is_one_call(cell, observed, **behind.told)["error.type"] == type(caught.value).__qualname__
    assert behind.provider.exchanges == []


@pytest.mark.slow
@pytest.mark.parametrize("content", [False])
@pytest.mark.parametrize(
    ("gateway", "cell"),
    [pytest.param(gateway, cell, id=str(cell)) for gateway in CLIENTS for cell in CELLS if is_unstreamed(gateway, cell)],
)
def test_a_stream_that_a_gateway_answers_in_one_piece_is_one_call_of_unknown_cost(
    gateway: str, cell: Cell, behind: Behind, observed: Memory
) -> None:
    play(cell, behind.place("ok"), observed)
    found = is_one_call(cell, observed, **behind.told)
    assert (found["fastagentic.stream.end"], found["fastagentic.cost.source"]) == ("exhausted", "unknown")


def test_every_model_of_the_matrix_is_served_by_the_proxy() -> None:
    models = {cell.row.model for cell in CELLS if cell.row.client in CLIENTS[PROXY] and not is_unserved(PROXY, cell)}
    assert models - SERVED.keys() == {"gpt-4o-mini"}
