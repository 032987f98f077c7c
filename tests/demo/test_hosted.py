"""The stand-in as the hosted Portkey gateway, asked by the real Portkey SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn

portkey_ai = pytest.importorskip("portkey_ai")

ASKED, REWORDED = "When will the refund reach my account?", "My account: when will the refund reach?"


class Asker:
    """The SDK in front of the stand-in; each answer's headers without their `x-portkey-`."""

    def __init__(self, provider: StandIn, **more: Any) -> None:
        self.provider = provider
        self.client = portkey_ai.Portkey(api_key="pk-demo", base_url=provider.url("portkey"), **more)

    def target(self, segment: str, **more: Any) -> dict[str, Any]:
        return {"provider": "openai", "api_key": "sk-demo", "custom_host": self.provider.url(segment), **more}

    def ask(self, config: dict[str, Any], text: str = ASKED, **headers: str) -> dict[str, str]:
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.client.with_options(config=config).chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": text}], extra_headers=extra
        )
        return dict(answer.get_headers())


@pytest.fixture
def asker(stand_in: StandIn) -> Asker:
    return Asker(stand_in)


@pytest.mark.parametrize(("mode", "reworded"), [("simple", "MISS"), ("semantic", "SEMANTIC HIT")])
def test_the_cache_speaks_portkeys_words(asker: Asker, mode: str, reworded: str) -> None:
    config = asker.target("ok", cache={"mode": mode})
    said = [
        asker.ask(config),
        asker.ask(config),
        asker.ask(config, REWORDED),
        asker.ask(config, x_portkey_cache_force_refresh="true"),
        asker.ask(asker.target("ok")),
    ]
    assert [headers["cache-status"] for headers in said] == ["MISS", "HIT", reworded, "REFRESH", "DISABLED"]
    assert [exchange.cache for exchange in asker.provider.exchanges] == [headers["cache-status"] for headers in said]


def test_a_hit_is_the_stored_answer_and_asks_no_provider(asker: Asker) -> None:
    config = asker.target("ok", cache={"mode": "simple"})
    asker.ask(config)
    asker.ask(config)
    miss, hit = asker.provider.exchanges
    assert (miss.segment, hit.segment) == ("ok", "portkey")
    assert (miss.answer_id, miss.usage) == (hit.answer_id, hit.usage)


def test_a_fallback_names_the_target_that_answered(asker: Asker) -> None:
    override = {"override_params": {"model": "gpt-4o"}}
    targets = [asker.target("fail-503"), asker.target("ok", **override)]
    headers = asker.ask({"strategy": {"mode": "fallback"}, "targets": targets})
    assert headers["last-used-option-index"] == "config.targets[1]"
    assert [(seen.status, seen.body["model"]) for seen in asker.provider.exchanges] == [
        (503, "gpt-4o-mini"), (200, "gpt-4o"),
    ]  # fmt: skip


def test_retries_are_counted(asker: Asker) -> None:
    headers = asker.ask(asker.target("flaky-2-429", retry={"attempts": 3, "on_status_codes": [429]}))
    assert headers["retry-attempt-count"] == "2"


def test_retries_that_ran_out_are_minus_one(asker: Asker) -> None:
    config = asker.target("fail-429", retry={"attempts": 2, "on_status_codes": [429]})
    with pytest.raises(Exception, match="429") as failed:
        asker.ask(config)
    assert failed.value.response.headers["x-portkey-retry-attempt-count"] == "-1"


def test_the_trace_id_is_echoed_as_given(stand_in: StandIn) -> None:
    asker = Asker(stand_in, trace_id="trace-7")
    assert asker.ask(asker.target("ok"))["trace-id"] == "trace-7"
    assert Asker(stand_in).ask(asker.target("ok"))["trace-id"] == ""
