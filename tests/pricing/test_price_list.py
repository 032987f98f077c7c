"""The price list: what models cost when, as an update wrote it, asked before the packages."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core.errors import ConfigError
from fastagentic.pricing import LIST_NAME, Pricing, pricing_of_settings
from fastagentic.pricing.history import BEGINNING, END, Stretch, in_force, joined, merged
from fastagentic.pricing.list_file import PREVIOUS, read_list, undo, write_list
from fastagentic.pricing.offered import of_packages
from fastagentic.pricing.price_list import FILE, LITELLM, TABLE, PriceList, Section
from fastagentic.pricing.table import PriceTable
from fastagentic.pricing.updating import Kind, updated

from .calls import call, no_calculator

if TYPE_CHECKING:
    from pathlib import Path

    from fastagentic.pricing.history import History
    from fastagentic.pricing.offered import Offer

DAY_NS = 86_400 * 10**9
NOW_NS = 1_790_000_000 * 10**9
YESTERDAY_NS, TOMORROW_NS = NOW_NS - DAY_NS, NOW_NS + DAY_NS


def rates(usd: int, starts_ns: int = BEGINNING, ends_ns: int = END) -> Stretch:
    return Stretch({-1: {"input": Decimal(usd), "output": Decimal(2 * usd)}}, starts_ns, ends_ns)


def section(**models: History) -> Section:
    """Keys are written with `__` for `/` and `_` for `-`."""
    named = {name.replace("__", "/").replace("_", "-"): {"": history} for name, history in models.items()}
    return Section("somebody 1.0", "2026-10-01", named)


@pytest.fixture(scope="module")
def offers() -> list[Offer]:
    """What the packages say that are installed here."""
    return of_packages()


# --- histories ------------------------------------------------------------------------------------

HISTORIES = [
    pytest.param((), (rates(1),), (rates(1),), id="what is new holds from the beginning"),
    pytest.param((rates(1),), (rates(1),), (rates(1),), id="the same goes on"),
    pytest.param(
        (rates(1),), (rates(2),), (rates(1, ends_ns=NOW_NS), rates(2, NOW_NS)), id="another rate without a date begins now"
    ),
    pytest.param(
        (rates(1),), (rates(1, ends_ns=YESTERDAY_NS), rates(2, YESTERDAY_NS)),
        (rates(1, ends_ns=YESTERDAY_NS), rates(2, YESTERDAY_NS)), id="another rate with a date begins there",
    ),
    pytest.param(
        (rates(1), ), (rates(1, ends_ns=TOMORROW_NS), rates(2, TOMORROW_NS)),
        (rates(1, ends_ns=TOMORROW_NS), rates(2, TOMORROW_NS)), id="one that is to come is noted",
    ),
    pytest.param(
        (rates(1, ends_ns=TOMORROW_NS), rates(2, TOMORROW_NS)), (rates(1),), (rates(1),), id="one that is called off is not",
    ),
    pytest.param(
        (rates(1, ends_ns=YESTERDAY_NS), rates(2, YESTERDAY_NS)), (rates(3),),
        (rates(1, ends_ns=YESTERDAY_NS), rates(2, YESTERDAY_NS, NOW_NS), rates(3, NOW_NS)), id="what was before is kept",
    ),
    pytest.param(
        (rates(1, YESTERDAY_NS),), (rates(3, BEGINNING, YESTERDAY_NS - DAY_NS), rates(2, YESTERDAY_NS - DAY_NS)),
        (rates(1, YESTERDAY_NS, NOW_NS), rates(2, NOW_NS)), id="a date before that of the kept rate says nothing about it",
    ),
    pytest.param((rates(1),), (rates(2, ends_ns=YESTERDAY_NS),), (rates(1),), id="what is offered no more stays"),
]  # fmt: skip


@pytest.mark.parametrize(("kept", "offered", "expected"), HISTORIES)
def test_a_history_goes_on(kept: History, offered: History, expected: History) -> None:
    assert merged(kept, offered, NOW_NS) == expected
    assert merged(expected, offered, NOW_NS) == expected, "the same update again changes nothing"


def test_a_rate_without_a_date_begins_when_it_is_told_to() -> None:
    assert merged((rates(1),), (rates(2),), NOW_NS, YESTERDAY_NS) == (rates(1, ends_ns=YESTERDAY_NS), rates(2, YESTERDAY_NS))


def test_a_gap_stays_a_gap() -> None:
    gapped = joined([rates(1, ends_ns=YESTERDAY_NS), rates(1, NOW_NS)])

    assert len(gapped) == 2
    assert in_force(gapped, NOW_NS - 1) is None


# --- pricing by it --------------------------------------------------------------------------------


def priced(path: Path, model: str, *, provider: str = "openai", at_ns: int = NOW_NS, **facts: Any) -> tuple[Any, str]:
    cost = Pricing(list_path=path).price(call(model, provider=provider, started_ns=at_ns, **facts), no_calculator)
    assert cost is not None
    return (None if cost.usd is None else float(cost.usd)), cost.rule


def written(path: Path, **sections: Section) -> Path:
    names = {"file": FILE, "table": TABLE, "litellm": LITELLM}
    write_list(path / LIST_NAME, PriceList({names[name]: one for name, one in sections.items()}))
    return path / LIST_NAME


def test_a_call_is_priced_as_the_list_was_when_it_was_made(tmp_path: Path) -> None:
    path = written(tmp_path, table=section(openai__gpt_4o=(rates(1, ends_ns=YESTERDAY_NS), rates(2, YESTERDAY_NS))))
    before, after = priced(path, "gpt-4o", at_ns=YESTERDAY_NS - 1), priced(path, "gpt-4o-2024-08-06", at_ns=YESTERDAY_NS)

    assert (before[0], after[0]) == (pytest.approx(after[0] / 2), pytest.approx(2 * before[0]))
    assert after[1] == "price list of 2026-10-01 (somebody 1.0), openai/gpt-4o from 2026-09-20T14:13:20Z"


def test_one_table_asked_for_both_times_does_not_mix_them_up(tmp_path: Path) -> None:
    path = written(tmp_path, table=section(openai__gpt_4o=(rates(1, ends_ns=YESTERDAY_NS), rates(2, YESTERDAY_NS))))
    table = PriceTable(path)
    found = [table.tariff("openai", "gpt-4o", None, at_ns) for at_ns in (NOW_NS, YESTERDAY_NS - 1, NOW_NS, BEGINNING)]

    assert [None if one is None else one.bands[-1].quoted["input"] for one in found] == [2, 1, 2, 1]


def test_a_file_comes_before_the_packages_and_litellm_after_them(tmp_path: Path) -> None:
    models = {"openai__gpt_4o": (rates(1),), "somebody__new_1": (rates(1),)}
    by_file = written(tmp_path, file=section(gpt_4o=(rates(9),)), table=section(**models))
    dear = priced(by_file, "gpt-4o")[0]

    assert dear == pytest.approx(9 * priced(written(tmp_path, table=section(**models)), "gpt-4o")[0])
    by_litellm = written(tmp_path, litellm=section(**models))
    assert "price list" not in priced(by_litellm, "gpt-4o")[1], "genai-prices knows it"
    assert "somebody/new-1" in priced(by_litellm, "new-1", provider="somebody")[1]


def test_prices_of_your_own_come_before_the_list(tmp_path: Path) -> None:
    path = written(tmp_path, file=section(gpt_4o=(rates(9),)))
    cost = Pricing({"gpt-4o": {"input": 1, "output": 1}}, list_path=path).price(call("gpt-4o"), no_calculator)

    assert cost is not None
    assert cost.rule.startswith("your price")


def test_a_model_of_another_seller_is_another_model(tmp_path: Path) -> None:
    path = written(tmp_path, litellm=section(openai__new_1=(rates(1),)))

    assert priced(path, "openai/new-1", provider="openrouter")[0] is None
    assert priced(path, "new-1-2026-01-01")[0] is None, "a snapshot may cost something else"
    assert priced(path, "new-1")[0] is not None


def test_a_model_that_the_packages_no_longer_know_keeps_its_price(tmp_path: Path) -> None:
    assert priced(written(tmp_path, table=section(openai__gone_1=(rates(1),))), "gone-1")[0] is not None


def test_the_list_of_the_packages_prices_every_model_as_they_do(tmp_path: Path, offers: list[Offer]) -> None:
    prices, changes = updated(None, offers, NOW_NS)
    write_list(tmp_path / LIST_NAME, prices)
    listed, alone = PriceTable(tmp_path / LIST_NAME), PriceTable()
    asked = [
        (provider, model, tier or None, at_ns)
        for (provider, _, model), tiers in ((key.partition("/"), tiers) for key, tiers in prices.sections[TABLE].models.items())
        for tier in tiers
        for at_ns in (NOW_NS, NOW_NS - 700 * DAY_NS)
        if alone.tariff(provider, model, None, at_ns) is not None  # some ids are no name of a model
    ]
    others = [one for one in asked if not is_same(listed.tariff(*one), alone.tariff(*one))]

    assert len(asked) > 4_000
    assert others == []
    assert {change.kind for change in changes} == {Kind.NEW}


def is_same(one: Any, other: Any) -> bool:
    return one is other or (one is not None and other is not None and (one.bands, one.lacks) == (other.bands, other.lacks))


def test_a_list_that_cannot_be_read_is_told_once_and_none(tmp_path: Path, swallows_failures: Any) -> None:
    (tmp_path / LIST_NAME).write_text("{")
    pricing = Pricing(list_path=tmp_path / LIST_NAME)
    cost = [pricing.price(call("gpt-4o"), no_calculator) for _ in range(2)]

    assert [one is not None and one.rule for one in cost] == ["genai-prices, openai/gpt-4o"] * 2
    assert swallows_failures == {("read the price list", "ConfigError"): 1}


# --- an update ------------------------------------------------------------------------------------


def aged(offers: list[Offer]) -> PriceList:
    """The list of an earlier release: gpt-4o was dearer, gpt-4.1 not there yet, and there was one that is gone by now."""
    prices, _ = updated(None, offers, NOW_NS - 30 * DAY_NS)
    models = prices.sections[TABLE].models
    usual = models["openai/gpt-4o"][""]
    models["openai/gpt-4o"] = models["openai/gpt-4o"] | {"": tuple(replace(one, bands=rates(7).bands) for one in usual)}
    del models["openai/gpt-4.1"]
    models["openai/gone-1"] = {"": (rates(3),)}
    return prices


def test_an_update_tells_what_is_new_changed_and_gone(offers: list[Offer]) -> None:
    prices, changes = updated(aged(offers), offers, NOW_NS)
    told = [(one.kind, one.model, one.tier) for one in changes]

    assert told[0] == (Kind.CHANGED, "openai/gpt-4o", "")
    assert {(kind, model) for kind, model, _ in told[1:]} == {(Kind.NEW, "openai/gpt-4.1"), (Kind.GONE, "openai/gone-1")}
    assert prices.sections[TABLE].models["openai/gone-1"] == {"": (rates(3),)}
    before, after = changes[0].before, changes[0].after
    assert before is not None
    assert after is not None
    assert (before.bands[-1]["input"], after.bands[-1]["input"], after.starts_ns) == (7, Decimal("2.5"), NOW_NS)


def test_a_package_that_is_not_installed_leaves_its_prices_as_they_are(offers: list[Offer]) -> None:
    prices, _ = updated(None, offers, NOW_NS)
    without = [offers[0], replace(offers[1], version=None, models={})]
    again, changes = updated(prices, without, NOW_NS)

    assert again.sections[LITELLM] == prices.sections[LITELLM]
    assert changes == []


# --- the file -------------------------------------------------------------------------------------


def test_what_is_written_is_read_as_it_was(tmp_path: Path, offers: list[Offer]) -> None:
    prices, _ = updated(aged(offers), offers, NOW_NS)
    write_list(tmp_path / LIST_NAME, prices)

    assert read_list(tmp_path / LIST_NAME) == prices
    assert (tmp_path / LIST_NAME).stat().st_mode & 0o077 == 0


def test_an_undo_goes_back_one_update_and_the_first_leaves_none(tmp_path: Path) -> None:
    first, second = section(openai__one=(rates(1),)), section(openai__one=(rates(2),))
    path = written(tmp_path, table=first)
    written(tmp_path, table=second)

    assert undo(path)
    found = read_list(path)
    assert found is not None
    assert found.sections[TABLE] == first
    assert undo(path), "the first one"
    assert not path.exists()
    assert not undo(path)


def test_after_two_updates_one_can_be_undone(tmp_path: Path) -> None:
    for usd in (1, 2, 3):
        path = written(tmp_path, table=section(openai__one=(rates(usd),)))

    assert undo(path)
    assert not undo(path)
    assert read_list(path) is not None


def test_a_list_that_cannot_be_read_gives_way_to_the_one_before(tmp_path: Path) -> None:
    for usd in (1, 2):
        path = written(tmp_path, table=section(openai__one=(rates(usd),)))
    path.write_text("{")

    assert undo(path)
    found = read_list(path)
    assert found is not None
    assert found.sections[TABLE].models["openai/one"][""] == (rates(1),)
    path.write_text("{")
    with pytest.raises(ConfigError, match="is no price list"):
        undo(path)


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_stopped_half_way_the_list_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = written(tmp_path, table=section(openai__one=(rates(1),)))
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*(("pathlib.Path.replace", fail) if step == "replace" else ("os.fsync", fail)))
    with pytest.raises(OSError, match="No space"):
        written(tmp_path, table=section(openai__one=(rates(2),)))

    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} <= {LIST_NAME, PREVIOUS}


MODELS: dict[str, Any] = {"m": {"": [{"rates": {"-1": {"input": "1"}}}]}}
GOOD: dict[str, Any] = {
    "format": 1, "sections": {"file": {"version": "p.toml", "updated": "2026-11-25", "models": MODELS}},
}  # fmt: skip
BROKEN = [
    ('{"format": 1', "is no price list"),
    ([], "the whole file is []; it takes an object"),
    ({**GOOD, "format": 2}, "format is 2; it takes 1"),
    ({"format": 1, "sections": {"mine": {}}}, "sections is 'mine'; it takes any of: file, genai-prices, litellm"),
    ('"input": "1"', '"input": "-1"', "file.models['m'][''][0].rates['-1']['input'] is '-1'; it takes an amount of USD"),
    ('"input": "1"', '"input": 1', "['input'] is 1; it takes an amount of USD as text"),
    ('"input": "1"', '"inputs": "1"', "'inputs' is none of input, output"),
    ('"-1"', '"all"', "rates is 'all'; it takes a number of input tokens"),
    ('{"rates"', '{"from": "soon", "rates"', "[0].from is 'soon'; it takes a date"),
    ('"2026-11-25"', "7", "file.updated is 7; it takes text"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken[-1])
def test_a_list_that_is_none_is_told_in_one_line(tmp_path: Path, broken: tuple[Any, ...]) -> None:
    *changed, message = broken
    content = changed[0] if isinstance(changed[0], str) else json.dumps(changed[0])
    path = tmp_path / LIST_NAME
    path.write_text(json.dumps(GOOD).replace(*changed) if len(changed) == 2 else content)

    with pytest.raises(ConfigError) as caught:
        pricing_of_settings(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert "fastagentic prices update" in str(caught.value)


def test_the_good_one_of_these_is_read(tmp_path: Path) -> None:
    (tmp_path / LIST_NAME).write_text(json.dumps(GOOD))

    assert read_list(tmp_path / LIST_NAME) is not None
