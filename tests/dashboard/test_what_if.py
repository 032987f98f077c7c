"""The recorded calls priced again: by the prices of the table or the user's own, with more or fewer cache hits."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.dashboard.what_if import price, reprice
from fastagentic.pricing.explain import Rule
from fastagentic.pricing.rates import Band, Rates
from fastagentic.store.location import store_path
from fastagentic.store.queries.grouped import NOTHING
from fastagentic.store.queries.traffic import Traffic
from tests.store.build import call, priced, store

from .asking import get
from .markup import read

if TYPE_CHECKING:
    from pathlib import Path

    from fastagentic.store.queries.sums import Sums


def sums(**values: Any) -> Sums:
    from dataclasses import replace

    return replace(NOTHING, **values)


def traffic(*, is_hit: bool = False, model: str = "m", provider: str = "p", **values: Any) -> Traffic:
    return Traffic(model, model, provider, provider, None, is_hit, sums(**values))


def rule(*bands: tuple[int, dict[str, str]], discount: str | None = None) -> Rule:
    read_bands = []
    for above, quoted in bands:
        rates = {name: Decimal(rate) for name, rate in quoted.items()}
        read_bands.append(Band(above, Rates.of(rates), rates))
    return Rule(None, "", "", tuple(read_bands), "a rule", discount=None if discount is None else Decimal(discount))  # type: ignore[arg-type]


PLAIN = rule((-1, {"input": "1", "output": "10"}))


class TestOnePrice:
    def test_is_tokens_times_rates(self) -> None:
        assert price(PLAIN, sums(calls=2, input_tokens=1_000_000, output_tokens=100_000)) == Decimal(2)

    def test_has_cached_prompt_tokens_at_their_own_rate(self) -> None:
        cached = rule((-1, {"input": "1", "output": "10", "cache_read": "0.1"}))

        assert price(cached, sums(calls=1, input_tokens=1_000_000, cache_read_tokens=500_000)) == Decimal("0.55")

    def test_of_long_prompts_is_chosen_by_their_mean(self) -> None:
        tiers = rule((200_000, {"input": "2"}), (-1, {"input": "1"}))

        assert price(tiers, sums(calls=10, input_tokens=1_000_000)) == Decimal(1)
        assert price(tiers, sums(calls=2, input_tokens=1_000_000)) == Decimal(2)

    def test_has_the_charge_of_each_request(self) -> None:
        assert price(rule((-1, {"input": "1", "request": "0.01"})), sums(calls=3, input_tokens=0)) == Decimal("0.03")

    def test_has_the_discount_taken_off(self) -> None:
        less = rule((-1, {"input": "1"}), discount="25")

        assert price(less, sums(calls=1, input_tokens=1_000_000)) == Decimal("0.75")

    def test_by_the_second_of_audio_is_unknown(self) -> None:
        assert price(rule((-1, {"audio_second": "1"})), sums(calls=1, input_tokens=5)) is None

    def test_of_no_calls_is_nothing(self) -> None:
        assert price(PLAIN, NOTHING) == 0


class TestAnotherHitRate:
    # 10 calls of 1 USD each, of which 4 hits cost nothing
    MISSES = traffic(calls=6, lookups=6, cost_usd=6.0)
    HITS = traffic(is_hit=True, calls=4, lookups=4, hits=4, cost_usd=0.0, saved_usd=4.0)

    @pytest.mark.parametrize(
        ("hit_rate", "cost", "saved"), [(None, 6, 4), ("0", 10, 0), ("0.4", 6, 4), ("0.5", 5, 5), ("1", 0, 10)]
    )
    def test_is_of_the_calls_that_ask_a_cache(self, hit_rate: str | None, cost: int, saved: int) -> None:
        (row,) = reprice([self.MISSES, self.HITS], None, None if hit_rate is None else Decimal(hit_rate))

        assert (row.calls, row.recorded, row.cost, row.saved) == (10, 6, cost, saved)

    def test_leaves_calls_alone_that_ask_none(self) -> None:
        (row,) = reprice([traffic(calls=10, lookups=5, cost_usd=10.0)], None, Decimal(1))

        assert row.cost == 5

    def test_is_of_all_calls_where_none_asks_a_cache(self) -> None:
        (row,) = reprice([traffic(calls=10, cost_usd=10.0)], None, Decimal("0.3"))

        assert (row.cost, row.saved) == (7, 3)

    def test_of_a_model_that_asks_none_beside_one_that_does_changes_nothing(self) -> None:
        rows = reprice([self.MISSES, traffic(model="other", calls=10, cost_usd=10.0)], None, Decimal(1))

        assert {row.model: row.cost for row in rows} == {"m": 0, "other": 10}

    def test_goes_with_another_model(self) -> None:
        (row,) = reprice([traffic(calls=2, lookups=2, cost_usd=9.0, input_tokens=1_000_000)], PLAIN, Decimal("0.5"))

        assert (row.recorded, row.cost) == (9, Decimal("0.5"))


class TestUnknown:
    def test_is_what_was_recorded_without_a_price(self) -> None:
        (row,) = reprice([traffic(calls=2, unpriced=2, input_tokens=10, cost_usd=None)], None, None)

        assert (row.recorded, row.cost) == (None, None)

    def test_is_not_what_another_model_would_have_cost(self) -> None:
        (row,) = reprice([traffic(calls=2, unpriced=2, input_tokens=1_000_000, cost_usd=None)], PLAIN, None)

        assert (row.recorded, row.cost) == (None, 1)


@pytest.mark.usefixtures("filled")
class TestAsked:
    def test_as_recorded_is_what_was_recorded(self) -> None:
        found, total = get("/api/v1/what-if").json(), get("/api/v1/overview").json()["total"]

        assert found["recorded"] == found["cost"] == total["cost"]
        assert found["change"] == 0
        assert found["left_out"] == total["unpriced"] == 1

    def test_by_another_model_is_its_price(self, own_environment: Path) -> None:
        """gpt-4o: 2.50 USD a million tokens in, 10.00 out (the list of 2026-11-23)."""
        rows = {row["model"]: row for row in get("/api/v1/what-if?instead=gpt-4o").json()["rows"]}

        assert rows["gpt-4o"]["cost"] == pytest.approx((10 * 2.5 + 1 * 10) / 1e6)
        # a call of 1,000 and 200 tokens, once answered by a provider and once by the cache; one of neither, one that failed
        assert rows["gpt-4o-mini"]["cost"] == pytest.approx((1_000 * 2.5 + 200 * 10) / 1e6)
        assert rows["gpt-4o-mini"]["saved"] == pytest.approx((1_000 * 2.5 + 200 * 10) / 1e6)

    def test_ones_own_prices_come_first(self, own_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        prices = own_environment / "prices.toml"
        prices.write_text('["my-model"]\ninput = 1000\noutput = 0\n')
        monkeypatch.setenv("FASTAGENTIC_PRICES", str(prices))

        rows = {row["model"]: row for row in get("/api/v1/what-if?instead=my-model").json()["rows"]}

        assert rows["gpt-4o"]["cost"] == pytest.approx(10 * 1_000 / 1e6)

    def test_a_model_without_a_price_names_those_that_are_near(self) -> None:
        answer = get("/api/v1/what-if?instead=gpt-4o-minni")

        assert answer.status_code == 422
        assert answer.json()["detail"] == "instead is 'gpt-4o-minni': no rule prices that model"
        assert "gpt-4o-mini" in answer.json()["fix"]

    def test_a_price_file_that_cannot_be_read_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FASTAGENTIC_PRICES", "/nowhere/prices.toml")

        assert "/nowhere/prices.toml" in get("/api/v1/what-if").json()["detail"]

    def test_the_page_says_the_same(self) -> None:
        found = get("/api/v1/what-if?instead=gpt-4o&hit_rate=50").json()
        page = read(get("/what-if?instead=gpt-4o&hit_rate=50").text)

        assert [row[0].split()[0] for row in page.part("repriced").rows()] == [row["model"] for row in found["rows"]]
        assert page.cards()["What if"][1] == "all by gpt-4o, 50 % from the cache"


def test_all_calls_by_one_model_are_cheapest_first(own_environment: Path) -> None:
    store(
        store_path(),
        [priced(1.0, model=model, tokens_in=1_000, tokens_out=10) for model in ("gpt-4o", "gpt-4o-mini", "nobody's")],
    )

    found = get("/api/v1/what-if").json()["alternatives"]

    assert [row["model"] for row in found] == ["gpt-4o-mini", "gpt-4o"]
    assert found[1]["cost"] == pytest.approx((3_000 * 2.5 + 30 * 10) / 1e6)


def test_an_empty_time_costs_nothing(own_environment: Path) -> None:
    store(store_path(), [call(ago_h=100)])

    assert get("/api/v1/what-if?since=1h").json()["rows"] == []
    assert get("/what-if?since=1h").status_code == 200
