"""LiteLLMGateway: what a run that has one lends to LiteLLM's calls, as the provider and LiteLLM's own callbacks see it."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger
from portkey_ai import Portkey

import fastagentic
from fastagentic.clients.litellm import lent_arguments
from fastagentic.core.errors import ConfigError
from fastagentic.integrations.ambient import llm
from fastagentic.integrations.litellm import LiteLLMGateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

MESSAGES = [{"role": "user", "content": "What follows from the second clause?"}]
MODEL = "gpt-4o-mini"
OTHER = "gpt-4o"


class Listener(CustomLogger):
    """A callback of the user's, which LiteLLM hands the call's metadata."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[dict[str, Any]] = []

    def log_pre_api_call(self, model: str, messages: Any, kwargs: dict[str, Any]) -> None:
        self.heard.append(kwargs["litellm_params"].get("metadata") or {})


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Registered for one test."""
    before, listener = litellm.callbacks, Listener()
    litellm.callbacks = [listener]
    yield listener
    litellm.callbacks = before
    litellm.input_callback = [one for one in litellm.input_callback if one is not listener]
    for name in ("success_callback", "failure_callback", "_async_success_callback", "_async_failure_callback"):
        setattr(litellm, name, [one for one in getattr(litellm, name) if one is not listener])


def at(stand_in: StandIn, segment: str = "ok") -> dict[str, Any]:
    return {"api_base": stand_in.url(segment), "api_key": "sk-test", "max_retries": 0}


def only_call(memory: Memory) -> dict[str, Any]:
    (span,) = [span for span in memory.spans if span.name.startswith("chat")]
    return dict(span.attributes or {})


def test_a_plain_completion_falls_back_to_the_gateways_models(stand_in: StandIn, recorded: Memory) -> None:
    fallbacks = [MODEL, {"model": OTHER, **at(stand_in)}]  # of its own model it needs no second try
    with fastagentic.run("lent") as run:
        run.gateway = LiteLLMGateway(fallback_models=fallbacks)
        answer = litellm.completion(model=MODEL, messages=MESSAGES, **at(stand_in, "fail-400"))
    seen = [(exchange.segment, exchange.body["model"], exchange.status) for exchange in stand_in.exchanges]
    assert seen == [("fail-400", MODEL, 400), ("ok", OTHER, 200)]
    found = only_call(recorded)
    assert found["gen_ai.response.model"] == answer.model
    assert found["gen_ai.usage.input_tokens"] == stand_in.exchanges[-1].usage["prompt_tokens"]
    assert run.usage.calls == 1


async def test_so_does_an_asynchronous_one(stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.run("lent") as run:
        run.gateway = LiteLLMGateway(fallback_models=[{"model": OTHER, **at(stand_in)}])
        await litellm.acompletion(model=MODEL, messages=MESSAGES, **at(stand_in, "fail-400"))
    assert [exchange.status for exchange in stand_in.exchanges] == [400, 200]


def test_it_is_tried_again_as_often_as_the_gateway_says(stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.run("lent") as run:
        run.gateway = LiteLLMGateway(num_retries=2)
        litellm.completion(model=MODEL, messages=MESSAGES, **at(stand_in, "flaky-1-500"))
    assert [exchange.status for exchange in stand_in.exchanges] == [500, 200]
    assert run.usage.calls == 1


def test_callbacks_see_the_gateways_metadata_and_the_run_id(recorded: Memory, listener: Listener) -> None:
    metadata = {"team": "blue", "user": lambda ctx: ctx.user.id, "gone": lambda ctx: ctx.nothing, "step": "any"}
    with fastagentic.run("lent", user="u-42") as run:
        run.gateway = LiteLLMGateway(metadata=metadata)
        litellm.completion(model=MODEL, messages=MESSAGES, mock_response="Yes.", metadata={"step": "draft"})
    (heard,) = listener.heard
    told = {name: heard.get(name) for name in (*metadata, "trace_id")}
    assert told == {"team": "blue", "user": "u-42", "gone": None, "step": "draft", "trace_id": run.run_id}


def test_what_the_call_says_wins(stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.run("lent") as run:
        run.gateway = LiteLLMGateway(fallback_models=[OTHER], user="theirs", api_base="http://127.0.0.1:9", api_key="sk-theirs")
        litellm.completion(model=MODEL, messages=MESSAGES, user="mine", **at(stand_in))
    (exchange,) = stand_in.exchanges
    assert (exchange.body["user"], exchange.headers["authorization"]) == ("mine", "Bearer sk-test")


def test_a_host_and_its_key_are_lent_together(stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.run("lent") as run:
        run.gateway = LiteLLMGateway(api_base=stand_in.url(), api_key="sk-proxy", user=lambda ctx: ctx.run_id)
        litellm.completion(model=MODEL, messages=MESSAGES)
        with pytest.raises(litellm.AuthenticationError):
            litellm.completion(model=MODEL, messages=MESSAGES, api_base=stand_in.url("fail-401"), api_key="sk-own")
    lent, own = stand_in.exchanges[0], stand_in.exchanges[-1]
    assert (lent.headers["authorization"], lent.body["user"]) == ("Bearer sk-proxy", run.run_id)
    assert own.headers["authorization"] == "Bearer sk-own"


OWN_KEY = {"model": MODEL, "api_key": "sk-own"}
OWN_HOST = {**OWN_KEY, "api_base": "http://127.0.0.1:9/v1"}
CLAUDE = "claude-3-haiku-20240307"


@pytest.mark.parametrize(
    ("call", "fallback", "is_lent"),
    [
        ({"model": MODEL}, CLAUDE, True),
        (OWN_KEY, OTHER, True),
        (OWN_KEY, CLAUDE, False),
        (OWN_KEY, {"model": CLAUDE}, False),
        (OWN_KEY, {"model": CLAUDE, "api_key": "sk-theirs"}, True),
        (OWN_HOST, CLAUDE, True),
        (OWN_HOST, {"model": OTHER, "api_base": "http://127.0.0.1:8/v1"}, False),
    ],
)
def test_a_key_of_the_calls_own_goes_to_nobody_else(call: dict[str, Any], fallback: Any, is_lent: bool) -> None:
    """LiteLLM hands it on to whatever it falls back on."""
    lent = LiteLLMGateway(fallback_models=[fallback]).lend(None)
    assert lent_arguments(lent, "chat", call) == ({"fallbacks": [fallback]} if is_lent else {})


def test_embeddings_are_lent_no_chat_models(stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.run("lent") as run:
        run.gateway = LiteLLMGateway(fallback_models=[OTHER], num_retries=3, timeout=30, user="u-42")
        litellm.embedding(model="text-embedding-3-small", input=["a clause"], **at(stand_in))
    assert stand_in.exchanges[0].body["user"] == "u-42"


def test_a_router_keeps_its_own_fallbacks(stand_in: StandIn, recorded: Memory) -> None:
    deployment = {"model_name": "group", "litellm_params": {"model": MODEL, **at(stand_in)}}
    router = litellm.Router(model_list=[deployment], num_retries=0)
    with fastagentic.run("lent") as run:
        run.gateway = LiteLLMGateway(fallback_models=["nobody-here"], num_retries=5, user="u-42")
        router.completion(model="group", messages=MESSAGES)
    assert [exchange.body["user"] for exchange in stand_in.exchanges] == ["u-42"]


def test_portkeys_client_borrows_nothing_from_it(stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.run("lent") as run:
        run.gateway = LiteLLMGateway(fallback_models=[OTHER], metadata={"a": "b"})
        Portkey(base_url=stand_in.url()).chat.completions.create(model=MODEL, messages=MESSAGES)
    assert "x-portkey-metadata" not in stand_in.exchanges[0].headers


class TestClient:
    """`gateway.client()`: LiteLLM's functions, told all of it; with and without `instrument()`."""

    def test_a_call_without_a_model_asks_the_gateways(self, stand_in: StandIn) -> None:
        client = LiteLLMGateway(fallback_models=[OTHER, MODEL], api_base=stand_in.url(), api_key="sk").client()
        client.completion(messages=MESSAGES)
        client.completion(MODEL, MESSAGES)
        assert [exchange.body["model"] for exchange in stand_in.exchanges] == [OTHER, MODEL]

    async def test_it_serves_both_worlds(self, stand_in: StandIn, recorded: Memory) -> None:
        with fastagentic.run("asks") as run:
            run.gateway = LiteLLMGateway(MODEL, api_base=stand_in.url(), api_key="sk")
            llm().completion(messages=MESSAGES)
            await llm(async_=True).acompletion(messages=MESSAGES)
        assert (len(stand_in.exchanges), run.usage.calls) == (2, 2)

    def test_all_else_is_litellms_own(self) -> None:
        client = LiteLLMGateway().client()
        assert client.token_counter is litellm.token_counter
        assert client.completion.__name__ == "completion"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fallback_models": "gpt-4o"}, r"fallback_models=\.\.\.\) is a str; it takes a list of models"),
        ({"fallback_models": ["gpt-4o", 3]}, r"\[1\] is a int; it takes a model's name"),
        ({"num_retries": -1}, r"num_retries=\.\.\.\) is -1; it takes a number, 0 or more"),
        ({"timeout": "30s"}, r"timeout=\.\.\.\) is '30s'; it takes a number, 0 or more"),
    ],
)
def test_a_mistake_is_an_error_at_construction(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        LiteLLMGateway(**options)


def test_its_key_is_in_no_text_or_pickle() -> None:
    gateway = LiteLLMGateway(
        fallback_models=[{"model": OTHER, "api_key": "sk-stoat"}],
        api_key="sk-stoat",
        metadata={"a": "sk-stoat"},
        user="sk-stoat",
    )
    for thing in (gateway, gateway.client(), gateway.lend(None)):
        assert "stoat" not in f"{thing!r}{thing}"
    with pytest.raises(TypeError, match="keys"):
        pickle.dumps(gateway)
