"""What holds for every price: never negative, more for more tokens, the sum of its parts; and that files lose nothing."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from genai_prices import Usage as TableUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from fastagentic.core.call import Usage
from fastagentic.pricing.entries import read_entries, read_moment
from fastagentic.pricing.price_file import read_given
from fastagentic.pricing.rates import UNITS, Rates, Tariff, measure
from fastagentic.pricing.table import NO_AUDIO_RATES, PriceTable, find

COUNTS = [field.name for field in fields(Usage) if field.name != "estimated"]
PROMPT = ("cache_read_tokens", "cache_write_tokens", "input_audio_tokens", "input_image_tokens")
ANSWER = ("output_audio_tokens", "output_image_tokens", "reasoning_tokens")

amounts = st.decimals(0, 1_000, places=4)
rate_tables = st.fixed_dictionaries(
    {"input": amounts, "output": amounts},
    optional={name: amounts for name in UNITS if name not in ("input", "output", "request")},
)
counts = st.integers(0, 3_000_000)
anything = st.builds(Usage, **{name: st.none() | counts for name in COUNTS})


@st.composite
def whole(draw: st.DrawFn) -> Usage:
    """Usage whose parts are no more than the whole, as an honest provider counts."""
    parts = {name: draw(st.integers(0, 100_000)) for name in (*PROMPT, *ANSWER)}
    parts["cache_write_1h_tokens"] = draw(st.integers(0, parts["cache_write_tokens"]))
    rest = {name: draw(st.integers(0, 100)) for name in ("images", "audio_seconds", "input_characters", "web_searches")}
    return Usage(
        input_tokens=sum(parts[name] for name in PROMPT) + draw(counts),
        output_tokens=sum(parts[name] for name in ANSWER) + draw(counts),
        **parts,
        **rest,
    )


def added(one: Usage, other: Usage) -> Usage:
    return Usage(**{name: (getattr(one, name) or 0) + (getattr(other, name) or 0) for name in COUNTS})


@given(rate_tables, anything)
def test_no_price_is_negative(rates: dict[str, Decimal], usage: Usage) -> None:
    assert Rates.of(rates).price(usage) >= 0


@given(rate_tables, whole(), whole())
def test_two_calls_cost_what_their_sum_does(rates: dict[str, Decimal], one: Usage, other: Usage) -> None:
    price = Rates.of(rates).price

    assert price(one) + price(other) == price(added(one, other))


@given(rate_tables, whole(), st.sampled_from(COUNTS), st.integers(1, 10_000))
def test_more_of_anything_never_costs_less(rates: dict[str, Decimal], usage: Usage, name: str, more: int) -> None:
    """More of a part is more of the whole, too: a token that was cached instead of not may well be cheaper."""
    around = {**dict.fromkeys(PROMPT, ("input_tokens",)), **dict.fromkeys(ANSWER, ("output_tokens",))}
    around["cache_write_1h_tokens"] = ("cache_write_tokens", "input_tokens")
    extra = Usage(**dict.fromkeys([name, *around.get(name, ())], more))

    assert Rates.of(rates).price(added(usage, extra)) >= Rates.of(rates).price(usage)


@given(rate_tables, anything, counts)
def test_more_input_never_costs_less_however_odd_the_counts(rates: dict[str, Decimal], usage: Usage, more: int) -> None:
    price = Rates.of(rates).price
    size = usage.input_tokens or 0

    assert price(replace(usage, input_tokens=size + more)) >= price(replace(usage, input_tokens=size))


@given(st.builds(Rates, *(amounts.map(lambda rate: rate / 1_000_000) for _ in range(4))))
def test_linear_prices_are_measured_exactly(rates: Rates) -> None:

    assert measure(rates.price) == rates


def test_tiered_prices_are_not_taken_for_linear_ones() -> None:
    def tiered(usage: Usage) -> Decimal:
        rate = Decimal("0.0000025") if (usage.input_tokens or 0) > 200_000 else Decimal("0.00000125")
        return rate * (usage.input_tokens or 0)

    assert measure(tiered) is None


# --- our reading of the table against the library's own calculation ---------------------------------

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOLD = [(provider.id, model.id) for provider in get_snapshot().providers for model in provider.models]
TABLE = PriceTable()


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SOLD), whole(), st.sampled_from([None, None, "batch", "flex", "priority"]))
def test_rates_that_are_kept_give_the_librarys_own_price(sold: tuple[str, str], usage: Usage, tier: str | None) -> None:
    provider, model = sold
    tariff = TABLE.tariff(provider, model, tier, read_moment(AT) or 0)
    if tariff is None or model in NO_AUDIO_RATES:
        return
    found = find(provider, model)
    assert found is not None
    context = {"batch": {"processing": "batch"}}.get(tier or "", {"service_tier": tier} if tier else None)
    # Where cached audio has a rate of its own the library wants to be told how much audio was cached, which nobody is.
    prices = found.model.get_prices(AT, context)
    asked = usage
    if any("cache_" in key and ("audio" in key or "image" in key) for key, rate in vars(prices).items() if rate is not None):
        asked = replace(usage, input_audio_tokens=0, input_image_tokens=0)

    library = calc_price(_of_the_table(asked), model, provider_id=provider, genai_request_timestamp=AT, price_context=context)
    ours = tariff.price(asked)

    assert ours is not None
    assert abs(ours - library.total_price) <= library.total_price * Decimal("1e-20")


def _of_the_table(usage: Usage) -> TableUsage:
    names = {
        "reasoning_tokens": ("output_reasoning_tokens",),
        "audio_seconds": ("audio_seconds", "input_audio_seconds"),
        "images": (),
    }
    return TableUsage(**{name: getattr(usage, count) or 0 for count in COUNTS for name in names.get(count, (count,))})


# --- files ----------------------------------------------------------------------------------------

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-_/:@*", min_size=1, max_size=20)
days = st.dates(datetime(2000, 1, 1).date(), datetime(2100, 1, 1).date())


@st.composite
def entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One key's entries, one after the other in time."""
    starts = sorted(draw(st.lists(days, min_size=1, max_size=4, unique=True)))
    given = []
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        entry: dict[str, Any] = draw(
            rate_tables | st.builds(lambda percent: {"discount": percent}, st.decimals(0, 100, places=2))
        )
        given.append({**entry, "from": start, **({} if end is None else {"until": end})})
    return given


@given(st.dictionaries(names, entries(), max_size=4))
def test_prices_come_back_from_toml_and_json_as_they_went(prices: dict[str, list[dict[str, Any]]]) -> None:
    wanted = _told(read_entries(prices, "here"))
    with TemporaryDirectory() as folder:
        for name, written in (("p.toml", _toml(prices)), ("p.json", _json(prices))):
            path = Path(folder, name)
            path.write_text(written)
            found, source = read_given(path, "here")
            assert source == str(path)
            assert _told(read_entries(found, "here")) == wanted


def _told(read: dict[str, Any]) -> Any:
    return {
        key: [(entry.rule, entry.discount, entry.starts_ns, entry.ends_ns, entry.tariff) for entry in of]
        for key, of in read.items()
    }


def _toml(prices: dict[str, list[dict[str, Any]]]) -> str:
    return "\n".join(
        "\n".join([f"[[{json.dumps(key)}]]", *(f"{name} = {value}" for name, value in entry.items())])
        for key, given in prices.items()
        for entry in given
    )


def _json(prices: dict[str, list[dict[str, Any]]]) -> str:
    """With numbers as they are, not through a float."""

    def text(value: Any) -> str:
        return str(value) if isinstance(value, Decimal) else json.dumps(str(value))

    def entry_text(entry: dict[str, Any]) -> str:
        return "{" + ", ".join(f"{json.dumps(name)}: {text(value)}" for name, value in entry.items()) + "}"

    return "{" + ", ".join(f"{json.dumps(key)}: [{', '.join(map(entry_text, given))}]" for key, given in prices.items()) + "}"


@pytest.mark.parametrize("usage", [Usage(), Usage(images=1), Usage(output_tokens=5)])
def test_a_price_by_the_token_without_a_count_of_the_input_is_unknown(usage: Usage) -> None:
    assert Tariff.flat({"input": Decimal(1), "output": Decimal(2)}, "").price(usage) is None
