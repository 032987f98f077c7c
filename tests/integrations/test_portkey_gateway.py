"""PortkeyGateway: what its options send, and what a run that has one lends to calls. The gateway is the real one from npm,
or the stand-in in its place where only the hosted gateway has the feature (said in the test's name).
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI
from portkey_ai import AsyncPortkey, Portkey

import fastagentic
from fastagentic.core.errors import ConfigError, NoGatewayError
from fastagentic.gateways.portkey_config import PortkeyConfig
from fastagentic.integrations.ambient import llm
from fastagentic.integrations.portkey import PortkeyGateway

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.gateway import LocalGateway
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

    Target = Callable[..., dict[str, Any]]

MESSAGES = [{"role": "user", "content": "What follows from the second clause?"}]
ONE = {"virtual_key": "openai-key"}
FALLBACK = {"strategy": {"mode": "fallback"}, "targets": [ONE, {"virtual_key": "anthropic-key"}]}


def ask(client: Any, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": "gpt-4o-mini", "messages": MESSAGES, **more})


def sent(config: Any) -> dict[str, Any]:
    """What goes out as the config."""
    assert isinstance(config, PortkeyConfig)
    return config.as_dict()


def facts(memory: Memory) -> dict[str, Any]:
    """What the span of the only LLM call says, without our prefix."""
    (span,) = [span for span in memory.spans if span.name.startswith("chat")]
    return {name.removeprefix("fastagentic."): value for name, value in (span.attributes or {}).items()}


class TestOptions:
    """What the options make of the config and the headers."""

    @pytest.mark.parametrize(
        ("cache", "said"),
        [
            (True, {"mode": "semantic"}),
            ("simple", {"mode": "simple"}),
            ({"mode": "semantic", "max_age": 3600}, {"mode": "semantic", "max_age": 3600}),
        ],
    )
    def test_cache_is_a_part_of_the_config(self, cache: Any, said: dict[str, Any]) -> None:
        assert sent(PortkeyGateway(cache=cache).config) == {"cache": said}
        assert sent(PortkeyGateway(config=FALLBACK, cache=cache).config) == {**FALLBACK, "cache": said}

    @pytest.mark.parametrize(
        ("retry", "said"),
        [(3, {"attempts": 3}), ({"attempts": 3, "on_status_codes": [429]}, {"attempts": 3, "on_status_codes": [429]})],
    )
    def test_retry_is_a_part_of_the_config(self, retry: Any, said: dict[str, Any]) -> None:
        assert sent(PortkeyGateway(retry=retry).config) == {"retry": said}

    def test_without_any_there_is_no_config(self) -> None:
        assert PortkeyGateway(api_key="k", cache=False).config is None

    def test_an_id_goes_out_as_it_is(self) -> None:
        assert PortkeyGateway(config="pc-live-1").lend(None).headers["x-portkey-config"] == "pc-live-1"

    def test_a_model_of_the_schema_is_a_config(self) -> None:
        assert sent(PortkeyGateway(config=PortkeyConfig(**FALLBACK), retry=2).config) == {**FALLBACK, "retry": {"attempts": 2}}

    def test_fallback_models_are_asked_by_the_same_virtual_key(self) -> None:
        own = {"virtual_key": "openai-key"}
        gateway = PortkeyGateway(virtual_key="openai-key", fallback=["gpt-4o-mini", "@azure/gpt-4o", {"virtual_key": "last"}])
        assert sent(gateway.config)["targets"] == [
            own,
            {**own, "override_params": {"model": "gpt-4o-mini"}},
            {"provider": "@azure", "override_params": {"model": "gpt-4o"}},
            {"virtual_key": "last"},
        ]
        assert "x-portkey-virtual-key" not in gateway.lend(None).headers

    def test_fallbacks_without_a_place_of_their_own_are_virtual_keys(self) -> None:
        gateway = PortkeyGateway(fallback=["openai-key", "anthropic-key"], cache="simple")
        assert sent(gateway.config) == {**FALLBACK, "cache": {"mode": "simple"}}

    def test_the_other_options_are_headers(self) -> None:
        gateway = PortkeyGateway(
            api_key="pk", virtual_key="vk", provider="openai", custom_host="http://h/v1", cache_namespace="n",
            cache_force_refresh=True, forward_headers=["x-a", "x-b"], trace_id="t", metadata={"team": "blue", "n": 3},
        )  # fmt: skip
        assert gateway.lend(None).headers == {
            "x-portkey-api-key": "pk", "x-portkey-virtual-key": "vk", "x-portkey-provider": "openai",
            "x-portkey-custom-host": "http://h/v1", "x-portkey-cache-namespace": "n",
            "x-portkey-cache-force-refresh": "true", "x-portkey-forward-headers": "x-a,x-b", "x-portkey-trace-id": "t",
            "x-portkey-metadata": '{"team": "blue", "n": 3}',
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"config": {"strategy": {"mode": "roundrobin"}}}, r"^PortkeyGateway\(config=\.\.\.\): strategy\.mode is 'roundr"),
            ({"config": 3}, r"config=\.\.\.\) is a int; it takes a mapping, a PortkeyConfig or the id"),
            ({"config": "pc-1", "retry": 2}, "is an id, to which retry cannot be added"),
            ({"config": {"retry": {"attempts": 1}}, "retry": 2}, r"PortkeyGateway\(retry=\.\.\.\) is said in config, too"),
            ({"config": FALLBACK, "fallback": ["x"]}, "beside a config with targets"),
            ({"retry": 7}, r"PortkeyGateway\(retry=\.\.\.\): retry\.attempts is 7; it takes a whole number from 0 to 5"),
            ({"cache": "exact"}, r"PortkeyGateway\(cache=\.\.\.\): cache\.mode is 'exact'.*did you mean 'simple'"),
            ({"cache": {"mode": "simple", "max_age": "1h"}}, r"cache\.max_age is '1h'; it takes whole seconds"),
            ({"fallback": "gpt-4o"}, "takes a list"),
            ({"metadata": "production"}, r"metadata=\.\.\.\) is a str; it takes a mapping"),
        ],
    )  # fmt: skip
    def test_a_mistake_is_an_error_at_construction(self, options: dict[str, Any], said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            PortkeyGateway(**options)


class TestKeys:
    """Where the key comes from, and that it goes nowhere."""

    def test_the_key_is_read_from_the_environment_when_it_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        gateway = PortkeyGateway()
        monkeypatch.setenv("PORTKEY_API_KEY", "pk-env")
        assert gateway.lend(None).headers["x-portkey-api-key"] == "pk-env"
        assert gateway.client().api_key == "pk-env"

    def test_without_a_key_it_is_made_all_the_same_and_its_client_is_not(self) -> None:
        with pytest.raises(ConfigError, match="api_key is missing and PORTKEY_API_KEY is not set"):
            PortkeyGateway().client()

    @pytest.mark.parametrize("name", ["PORTKEY_BASE_URL", "PORTKEY_GATEWAY_URL", "PORTKEY_PROXY"])
    def test_a_gateway_of_ones_own_needs_none(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, "http://127.0.0.1:9/v1")
        assert PortkeyGateway().client().base_url == "http://127.0.0.1:9/v1"

    @given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=12).map(lambda text: f"pk-{text}"))
    def test_no_key_is_in_any_text_or_pickle(self, key: str) -> None:
        config = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "openai", "api_key": key}, {"virtual_key": key}]}
        gateway = PortkeyGateway(api_key=key, config=config, metadata={"k": key})
        other = PortkeyGateway(virtual_key=key, fallback=[key], trace_id=key, base_url=f"http://u:{key}@h/v1")
        for thing in (gateway, other, gateway.lend(None), other.lend(None), gateway.config, other.config):
            assert key not in f"{thing!r}{thing}"
            with pytest.raises(TypeError, match="keys"):
                pickle.dumps(thing)

    def test_its_text_says_what_it_is(self) -> None:
        assert repr(PortkeyGateway(config=FALLBACK, retry=2, cache=True)) == "PortkeyGateway(fallback, 2 targets, cache, retry)"
        assert repr(PortkeyGateway("pk", virtual_key="vk")) == "PortkeyGateway(virtual_key)"

    def test_a_copy_is_the_gateway_itself(self) -> None:
        gateway = PortkeyGateway(api_key="pk")
        assert copy.copy(gateway) is gateway
        assert copy.deepcopy([gateway]) == [gateway]


class TestAmbient:
    """A run's gateway lends to what is called in it; what the request says itself wins."""

    @pytest.fixture
    def gateway(self, portkey_gateway: LocalGateway, target: Target) -> PortkeyGateway:
        return PortkeyGateway(
            base_url=portkey_gateway.url, config={"targets": [target("ok")]}, forward_headers=HEADERS,
            metadata={"environment": "production", "_user": lambda ctx: ctx.user.id},
        )  # fmt: skip

    def test_a_plain_portkey_gets_config_run_id_and_metadata(
        self, gateway: PortkeyGateway, stand_in: StandIn, recorded: Memory
    ) -> None:
        with fastagentic.run("lent", user="u-42") as run:
            run.gateway = gateway
            ask(Portkey())
        (exchange,) = stand_in.exchanges
        assert exchange.headers["x-portkey-trace-id"] == run.run_id
        assert json.loads(exchange.headers["x-portkey-metadata"]) == {"environment": "production", "_user": "u-42"}
        assert facts(recorded)["target.path"] == "config.targets[0]"

    async def test_so_does_an_asynchronous_one(self, gateway: PortkeyGateway, stand_in: StandIn, recorded: Memory) -> None:
        async with fastagentic.run("lent", user="u-42") as run:
            run.gateway = gateway
            await ask(AsyncPortkey())
        assert json.loads(stand_in.exchanges[0].headers["x-portkey-metadata"])["_user"] == "u-42"

    def test_so_does_the_openai_sdk_that_goes_there(
        self, gateway: PortkeyGateway, portkey_gateway: LocalGateway, stand_in: StandIn, recorded: Memory
    ) -> None:
        with fastagentic.run("lent") as run:
            run.gateway = gateway
            ask(OpenAI(api_key="sk", base_url=portkey_gateway.url))
        assert stand_in.exchanges[0].headers["x-portkey-trace-id"] == run.run_id
        assert facts(recorded)["gateway"] == "portkey"

    def test_a_run_inside_has_the_gateway_of_the_outer_one(
        self, gateway: PortkeyGateway, stand_in: StandIn, recorded: Memory
    ) -> None:
        with fastagentic.run("outer") as outer:
            outer.gateway = gateway
            with fastagentic.run("inner"):
                ask(Portkey())
        assert len(stand_in.exchanges) == 1

    def test_outside_nothing_changes(self, gateway: PortkeyGateway, stand_in: StandIn, recorded: Memory) -> None:
        with fastagentic.run("lent") as run:
            run.gateway = gateway
        client = Portkey(base_url=stand_in.url("ok"))
        ask(client)
        assert {"x-portkey-config", "x-portkey-metadata"}.isdisjoint(stand_in.exchanges[0].headers)

    def test_what_the_client_says_wins(
        self, portkey_gateway: LocalGateway, target: Target, stand_in: StandIn, recorded: Memory
    ) -> None:
        client = Portkey(
            base_url=portkey_gateway.url, config={**target("ok_own"), "forward_headers": HEADERS}, trace_id="mine",
            metadata={"environment": "test", "step": "draft"},
        )  # fmt: skip
        with fastagentic.run("lent", user="u-42") as run:
            run.gateway = PortkeyGateway(
                base_url=portkey_gateway.url, config=target("ok_lent"), metadata={"environment": "production", "team": "blue"}
            )
            ask(client)
        (exchange,) = stand_in.exchanges
        assert (exchange.segment, exchange.headers["x-portkey-trace-id"]) == ("ok_own", "mine")
        assert json.loads(exchange.headers["x-portkey-metadata"]) == {"environment": "test", "team": "blue", "step": "draft"}

    def test_what_the_call_says_wins(self, gateway: PortkeyGateway, stand_in: StandIn, recorded: Memory) -> None:
        with fastagentic.run("lent") as run:
            run.gateway = gateway
            ask(Portkey(), extra_headers={"X-Portkey-Metadata": '{"environment": "call"}', "x-portkey-trace-id": "mine"})
        headers = stand_in.exchanges[0].headers
        assert (json.loads(headers["x-portkey-metadata"])["environment"], headers["x-portkey-trace-id"]) == ("call", "mine")

    @pytest.mark.parametrize("spelling", ["X-Portkey-Metadata", "x-portkey-metadata"])
    def test_a_header_that_was_spelled_otherwise_is_still_one(
        self, spelling: str, gateway: PortkeyGateway, portkey_gateway: LocalGateway, stand_in: StandIn, recorded: Memory
    ) -> None:
        of_client = {"X-Portkey-Metadata": '{"environment": "client"}'}
        client = OpenAI(api_key="sk", base_url=portkey_gateway.url, default_headers=of_client)
        with fastagentic.run("lent", user="u-42") as run:
            run.gateway = gateway
            ask(client)
            ask(client, extra_headers={spelling: '{"environment": "call"}'})
        told = [json.loads(exchange.headers["x-portkey-metadata"]) for exchange in stand_in.exchanges]
        assert told == [{"environment": where, "_user": "u-42"} for where in ("client", "call")]

    def test_a_trace_id_of_the_gateways_own_beats_the_runs(
        self, portkey_gateway: LocalGateway, target: Target, stand_in: StandIn, recorded: Memory
    ) -> None:
        with fastagentic.run("lent", session="s-7") as run:
            run.gateway = PortkeyGateway(
                base_url=portkey_gateway.url, config=target(), forward_headers=HEADERS,
                trace_id=lambda ctx: f"{ctx.session}/{ctx.endpoint}",
            )  # fmt: skip
            ask(Portkey())
        assert stand_in.exchanges[0].headers["x-portkey-trace-id"] == "s-7/lent"

    def test_metadata_that_cannot_be_told_are_left_out_with_one_warning(
        self, gateway: PortkeyGateway, stand_in: StandIn, recorded: Memory, caplog: pytest.LogCaptureFixture
    ) -> None:
        with fastagentic.run("nobody's") as run:
            run.gateway = gateway
            ask(Portkey())
            ask(Portkey())
        assert json.loads(stand_in.exchanges[1].headers["x-portkey-metadata"]) == {"environment": "production"}
        (said,) = [record.getMessage() for record in caplog.records if record.name == "fastagentic"]
        assert said == "PortkeyGateway(metadata=...)['_user'] raised AttributeError; calls go on without it"

    def test_a_gateway_that_fails_to_lend_leaves_the_call_as_it_is(
        self, stand_in: StandIn, recorded: Memory, swallows_failures: Any
    ) -> None:
        class Broken:
            def lend(self, ctx: object) -> Any:
                raise RuntimeError

        with fastagentic.run("broken") as run:
            run.gateway = Broken()
            ask(Portkey(base_url=stand_in.url("ok")))
        assert swallows_failures == {("write to a request", "RuntimeError"): 1}
        assert recorded.spans[0].name == "chat gpt-4o-mini"

    def test_two_tasks_with_a_gateway_each_do_not_borrow_from_the_other(
        self, portkey_gateway: LocalGateway, target: Target, stand_in: StandIn, recorded: Memory
    ) -> None:
        async def one(segment: str) -> None:
            async with fastagentic.run(segment) as run:
                run.gateway = PortkeyGateway(
                    base_url=portkey_gateway.url, config=target(segment), forward_headers=HEADERS, metadata={"of": segment}
                )
                client = AsyncPortkey()
                for _ in range(3):
                    await ask(client)

        async def both() -> None:
            await asyncio.gather(one("ok_a"), one("ok_b"))

        asyncio.run(both())
        told = [(exchange.segment, json.loads(exchange.headers["x-portkey-metadata"])["of"]) for exchange in stand_in.exchanges]
        assert sorted(told) == [("ok_a", "ok_a")] * 3 + [("ok_b", "ok_b")] * 3


HEADERS = ["x-portkey-metadata", "x-portkey-trace-id"]
"""What the npm gateway hands on to the stand-in, for us to see."""


class TestWhoBorrowsWhat:
    """Keys go to nobody that they are not for."""

    @pytest.fixture
    def own(self, stand_in: StandIn) -> str:
        return stand_in.url("ok_own")

    def lent_to(self, client: Any, gateway: PortkeyGateway, stand_in: StandIn) -> dict[str, str]:
        with fastagentic.run("lent") as run:
            run.gateway = gateway
            ask(client)
        return {name: value for name, value in stand_in.exchanges[-1].headers.items() if name.startswith("x-portkey-")}

    def test_a_client_sent_to_another_gateway_borrows_the_run_id_alone(
        self, own: str, stand_in: StandIn, recorded: Memory
    ) -> None:
        gateway = PortkeyGateway("pk-1", base_url="http://127.0.0.1:9/v1", config=FALLBACK, metadata={"a": "b"})
        headers = self.lent_to(Portkey(base_url=own), gateway, stand_in)
        assert "x-portkey-trace-id" in headers
        assert {"x-portkey-config", "x-portkey-metadata"}.isdisjoint(headers)
        assert not headers.get("x-portkey-api-key")

    def test_a_key_for_the_hosted_gateway_goes_to_no_other(self, own: str, stand_in: StandIn, recorded: Memory) -> None:
        headers = self.lent_to(Portkey(base_url=own), PortkeyGateway("pk-1", config=FALLBACK), stand_in)
        assert json.loads(headers["x-portkey-config"]) == FALLBACK
        assert not headers.get("x-portkey-api-key")

    def test_a_client_that_was_told_nothing_goes_where_the_gateway_is(
        self, own: str, stand_in: StandIn, recorded: Memory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PORTKEY_API_KEY", "pk-env")
        headers = self.lent_to(Portkey(), PortkeyGateway("pk-1", base_url=own, virtual_key="vk"), stand_in)
        assert (headers["x-portkey-api-key"], headers["x-portkey-virtual-key"]) == ("pk-1", "vk")
        assert (facts(recorded)["server.address"], facts(recorded)["server.port"]) == (
            "127.0.0.1",
            int(stand_in.base.rpartition(":")[2]),
        )

    @pytest.mark.parametrize("place", [{"provider": "openai"}, {"virtual_key": "mine"}, {"custom_host": "http://h/v1"}])
    def test_a_client_that_says_where_it_goes_borrows_no_config_with_targets(
        self, place: dict[str, str], own: str, stand_in: StandIn, recorded: Memory
    ) -> None:
        headers = self.lent_to(Portkey(base_url=own, **place), PortkeyGateway(base_url=own, config=FALLBACK), stand_in)
        assert "x-portkey-config" not in headers

    def test_it_borrows_one_of_cache_and_retries(self, own: str, stand_in: StandIn, recorded: Memory) -> None:
        gateway = PortkeyGateway(base_url=own, virtual_key="theirs", cache="simple", retry=2)
        headers = self.lent_to(Portkey(base_url=own, virtual_key="mine"), gateway, stand_in)
        assert json.loads(headers["x-portkey-config"]) == {"cache": {"mode": "simple"}, "retry": {"attempts": 2}}
        assert headers["x-portkey-virtual-key"] == "mine"

    def test_the_openai_sdk_at_nobody_we_know_borrows_nothing(self, own: str, stand_in: StandIn, recorded: Memory) -> None:
        gateway = PortkeyGateway("pk-1", base_url="http://127.0.0.1:9/v1", config=FALLBACK)
        assert self.lent_to(OpenAI(api_key="sk", base_url=own), gateway, stand_in) == {}

    def test_a_key_is_on_no_span_and_in_no_log(
        self, own: str, stand_in: StandIn, recorded: Memory, caplog: pytest.LogCaptureFixture
    ) -> None:
        config = {"targets": [{"provider": "openai", "api_key": "sk-stoat"}]}
        self.lent_to(Portkey(), PortkeyGateway("pk-stoat", base_url=own, config=config, metadata={"m": "stoat"}), stand_in)
        assert "stoat" not in caplog.text + "".join(span.to_json() for span in recorded.spans)


class TestClients:
    """`gateway.client()` and `fastagentic.llm()`: for code that asks explicitly."""

    def test_its_client_is_portkeys_own(self, portkey_gateway: LocalGateway, target: Target, stand_in: StandIn) -> None:
        gateway = PortkeyGateway(
            base_url=portkey_gateway.url, config=target(), metadata={"team": "blue"}, forward_headers=HEADERS
        )
        client = gateway.client()
        assert type(client) is Portkey
        ask(client)
        assert json.loads(stand_in.exchanges[0].headers["x-portkey-metadata"]) == {"team": "blue"}

    async def test_so_is_the_asynchronous_one(self, portkey_gateway: LocalGateway, target: Target, stand_in: StandIn) -> None:
        client = PortkeyGateway(base_url=portkey_gateway.url, config=target()).async_client(timeout=None)
        assert type(client) is AsyncPortkey
        await ask(client)
        assert len(stand_in.exchanges) == 1

    def test_an_option_of_the_client_wins(self) -> None:
        gateway = PortkeyGateway("pk-1", virtual_key="vk", metadata={"a": "b"})
        client = gateway.client(api_key="pk-2", virtual_key="mine")
        assert (client.api_key, client.virtual_key, client.metadata) == ("pk-2", "mine", {"a": "b"})

    def test_what_depends_on_the_run_is_lent_to_each_call_of_its_client(
        self, portkey_gateway: LocalGateway, target: Target, stand_in: StandIn, recorded: Memory
    ) -> None:
        gateway = PortkeyGateway(
            base_url=portkey_gateway.url, config=target(), forward_headers=HEADERS, metadata={"_user": lambda ctx: ctx.user.id}
        )
        client = gateway.client()
        for user in ("u-1", "u-2"):
            with fastagentic.run("of two", user=user):
                ask(client)
        told = [json.loads(exchange.headers["x-portkey-metadata"])["_user"] for exchange in stand_in.exchanges]
        assert told == ["u-1", "u-2"]

    def test_the_client_of_the_run_is_one_for_all_its_calls(self) -> None:
        gateway = PortkeyGateway("pk-1")
        with fastagentic.run("asks") as run:
            run.gateway = gateway
            assert llm() is llm()
            assert type(llm()) is Portkey

    async def test_the_asynchronous_one_is_one_for_the_event_loop(self) -> None:
        with fastagentic.run("asks") as run:
            run.gateway = PortkeyGateway("pk-1")
            assert llm(async_=True) is llm(async_=True)
            assert type(llm(async_=True)) is AsyncPortkey

    def test_without_a_gateway_it_says_where_to_put_one(self) -> None:
        with pytest.raises(NoGatewayError, match="outside any run; give the App, the endpoint or the run one"):
            llm()
        with fastagentic.run("bare"), pytest.raises(NoGatewayError, match="in the run 'bare', which has no gateway"):
            llm()
