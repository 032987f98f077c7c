"""`fastagentic prices`: which rule prices a model, at which rates; without a model, those in the store. And its group."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from fastagentic.core import words
from fastagentic.core.errors import ConfigError
from fastagentic.core.names import CostSource
from fastagentic.gateways import litellm, portkey
from fastagentic.pricing import Pricing, pricing_of_settings
from fastagentic.pricing.entries import DATES, read_moment
from fastagentic.pricing.explain import LITELLM, named_call, near, rules
from fastagentic.pricing.rates import TOKENS, UNITS
from fastagentic.store.location import store_home
from fastagentic.store.queries.models import seen_models

from . import complete
from .errors import FAILED, say, stop, told
from .options import AsJson  # noqa: TC001  # typer reads it at run time
from .prices_check import check
from .prices_update import update
from .reading import opened, place
from .tables import Column, console, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from fastagentic.pricing.explain import Rule
    from fastagentic.pricing.rates import Band
    from fastagentic.store.queries.models import SeenModel

    from .tables import JsonRow

MODEL: Final = "model"
"""What `fastagentic prices MODEL` is called among the commands of the group."""
SHOWN: Final = ("input", "output", "cache_read", "cache_write")
_NOTE: Final = (
    "USD per million tokens where nothing else is said. What a gateway states for a call comes before LiteLLM and the table."
)


class ModelsToo(TyperGroup):
    """A group whose first word may also be a model: then, and without any word, `fastagentic prices` itself is meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of that command where none is."""
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [MODEL, *args]
        return super().parse_args(ctx, args)


prices = typer.Typer(
    name="prices",
    cls=ModelsToo,
    help="Which rule prices a model, or those seen: `fastagentic prices [MODEL] [--provider NAME] [--at DATE] [--json]`.",
)
prices.command()(told(update))
prices.command()(told(check))


def _offered(incomplete: str) -> list[tuple[str, str]]:
    commands = [("update", "write the price list"), ("check", "find calls without a price")]
    return [*(one for one in commands if one[0].startswith(incomplete)), *complete.models(incomplete)]


@prices.command(MODEL, hidden=True)
@told
def of_model(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A model, or provider/model. Without it: the models in the store.",
            autocompletion=_offered,
        ),
    ] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who sells it, as the conventions, Portkey or LiteLLM spell it.")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="DATE", help="At that time, UTC; now unless said.")] = None,
    as_json: AsJson = False,
) -> None:
    """Which rule prices a model: your prices, LiteLLM's calculator, the price table, in this order.

    Your prices are those of the file that FASTAGENTIC_PRICES names.
    """
    at_ns = _moment(at)
    pricing = pricing_of_settings(store_home())
    if model is not None:
        _print_model(pricing, model, provider, at_ns, as_json=as_json)
    elif provider is not None:
        raise ConfigError.of(
            "--provider", provider, "a MODEL beside it: fastagentic prices MODEL --provider NAME", source="option"
        )
    else:
        _print_seen(pricing, at_ns, as_json=as_json)


def _moment(at: str | None) -> int:
    moment = time.time_ns() if at is None else read_moment(at)
    if moment is None:
        raise ConfigError.of("--at", at, DATES, source="option")
    return moment


def _print_model(pricing: Pricing, model: str, provider: str | None, at_ns: int, *, as_json: bool) -> None:
    call = named_call(None if provider is None else _conventional(provider), model, spelled=provider)
    found = rules(pricing, call, at_ns)
    if not found:
        if as_json:
            print_json([])
        stop(_unknown(pricing, model, provider), FAILED)
    if as_json:
        print_json([_json_rule(rule, band, call.provider, model) for rule in found for band in reversed(rule.bands)])
        return
    columns = (
        Column("rule", is_number=False),
        Column("prices", rank=2, is_number=False),
        *(Column(name.replace("_", " "), rank=3 if name.startswith("cache") else 0) for name in SHOWN),
        Column("also", rank=5, is_number=False),
        Column("discount", rank=1),
        Column("valid", rank=4, is_number=False),
    )
    print_table(columns, [_cells(rule, band) for rule in found for band in reversed(rule.bands)])
    target = console()
    for rule in found:
        target.print(words.printable(rule.text), soft_wrap=True)  # with a path in it: never cut in two
    say(_NOTE)


def _unknown(pricing: Pricing, model: str, provider: str | None) -> str:
    of = model if provider is None else f"{model} at {provider}"
    names = near(pricing, model, provider)
    hint = f" Known and near it: {', '.join(names)}." if names else ""
    return f"no rule prices {of}: its calls have no cost. Give it one by `prices` or FASTAGENTIC_PRICES.{hint}"


def _conventional(provider: str) -> str:
    return portkey.provider_name(litellm.provider_name(provider.lower()))


def _cells(rule: Rule, band: Band) -> tuple[str, ...]:
    others = [_other(band.quoted, name) for name in band.quoted if name not in SHOWN]
    return (
        rule.who if band.above < 0 else f"  above {words.count(band.above)} tokens",
        rule.calls,
        *(_rate(band.quoted, name) for name in SHOWN),
        ", ".join(others) or words.NOTHING,
        words.NOTHING if rule.discount is None else f"{rule.discount.normalize():f} %",
        _valid(rule),
    )


def _rate(quoted: Mapping[str, Decimal], name: str) -> str:
    """A rate with all of its digits: it is there to be checked against a bill."""
    rate = quoted.get(name)
    if rate is None:
        return words.NOTHING
    return f"${round(rate, 9).normalize():f}"


def _other(quoted: Mapping[str, Decimal], name: str) -> str:
    """A rate beside the four of every model; where it is charged by the piece the piece says what it is."""
    unit = UNITS[name]
    return f"{name.replace('_', ' ')} {_rate(quoted, name)}" if unit == TOKENS else f"{_rate(quoted, name)} per {unit}"


def _valid(rule: Rule) -> str:
    spans = [f"{word} {_day(ns)}" for word, ns in (("from", rule.starts_ns), ("until", rule.ends_ns)) if ns is not None]
    return " ".join(spans) or words.NOTHING


def _day(at_ns: int) -> str:
    return (words.iso_time(at_ns) or "").replace("T00:00:00.000000Z", "").replace(".000000Z", "Z")


def _json_rule(rule: Rule, band: Band, provider: str, model: str) -> JsonRow:
    return {
        "model": model,
        "provider": provider or None,
        "rule": rule.who,
        "prices": rule.calls,
        "source": rule.source.value,
        "above_input_tokens": max(band.above, 0),
        "rates": {name: float(rate) for name, rate in band.quoted.items()},
        "discount": None if rule.discount is None else float(rule.discount),
        "from": words.iso_time(rule.starts_ns),
        "until": words.iso_time(rule.ends_ns),
        "text": rule.text,
    }


def _print_seen(pricing: Pricing, at_ns: int, *, as_json: bool) -> None:
    with opened() as connection:
        seen = seen_models(connection)
    rows = sorted(((one, _rule_of(pricing, one, at_ns)) for one in seen), key=lambda row: _is_priced(*row))
    if as_json:
        print_json([_json_seen(one, rule) for one, rule in rows])
    elif rows:
        columns = (
            Column("model", is_number=False),
            Column("provider", rank=3, is_number=False),
            Column("calls"),
            Column("unpriced", rank=1),
            Column("priced by", is_number=False),
            Column("input", rank=2),
            Column("output", rank=2),
            Column("from", rank=4, is_number=False),
        )
        print_table(columns, [_seen_cells(one, rule) for one, rule in rows])
        say(_NOTE)
    else:
        say(f"No calls in {place()}. Ask for a model by name, or make some calls with `fastagentic demo`.")


def _rule_of(pricing: Pricing, seen: SeenModel, at_ns: int) -> Rule | None:
    """The rule for the calls of one row: LiteLLM's calculator is asked for calls with LiteLLM only."""
    call = named_call(seen.provider or "", seen.model or "", spelled=seen.spelled, answered=seen.answered)
    found = rules(pricing, call, at_ns)
    return next((rule for rule in found if seen.gateway == "litellm" or rule.who != LITELLM), None)


def _is_priced(seen: SeenModel, rule: Rule | None) -> bool:
    return rule is not None or seen.stated == seen.calls


def _priced_by(seen: SeenModel, rule: Rule | None) -> str | None:
    if seen.stated == seen.calls and (rule is None or rule.source is CostSource.PRICE_TABLE):
        return f"stated by {seen.gateway}"
    return None if rule is None else rule.who


def _seen_cells(seen: SeenModel, rule: Rule | None) -> tuple[str, ...]:
    quoted = rule.bands[-1].quoted if rule is not None else {}
    return (
        seen.answered or seen.model or "",
        seen.provider or words.NOTHING,
        words.count(seen.calls),
        words.some(seen.unpriced),
        _priced_by(seen, rule) or "nothing",
        _rate(quoted, "input"),
        _rate(quoted, "output"),
        words.NOTHING if rule is None else rule.text,
    )


def _json_seen(seen: SeenModel, rule: Rule | None) -> JsonRow:
    return {
        "model": seen.answered or seen.model,
        "asked_for": seen.model,
        "provider": seen.provider,
        "gateway": seen.gateway,
        "calls": seen.calls,
        "unpriced": seen.unpriced,
        "priced_by": _priced_by(seen, rule),
        "rates": None if rule is None else {name: float(rate) for name, rate in rule.bands[-1].quoted.items()},
        "text": None if rule is None else rule.text,
    }
