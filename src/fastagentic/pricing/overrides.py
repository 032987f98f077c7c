"""The user's own prices: `instrument(prices={"gpt-4o": {"input": 2.0, "output": 8.0}})`, USD per million tokens."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from fastagentic.core.errors import ConfigError

from .rates import MILLION, Rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastagentic.core.call import Usage

ACCEPTED: Final = "input, output (both needed), cache_read, cache_write in USD per million tokens, and request in USD a call"
KEYS: Final = frozenset({"input", "output", "cache_read", "cache_write", "request"})


@dataclass(slots=True, frozen=True)
class Override:
    """A model's own price: per token, and per request where one is charged."""

    rates: Rates
    per_request: Decimal

    def price(self, usage: Usage) -> Decimal:
        """USD for one call."""
        return self.rates.price(usage) + self.per_request


def read_overrides(prices: Mapping[str, object]) -> dict[str, Override]:
    """Overrides by model name, or by `provider/model`.

    Raises: ConfigError that names the model, the key and what is accepted.
    """
    return {model: _read(model, entry) for model, entry in prices.items()}


def _read(model: str, entry: object) -> Override:
    where = f"prices[{model!r}]"
    if not isinstance(entry, dict) or not {"input", "output"} <= entry.keys() <= KEYS:
        raise ConfigError.of(where, entry, ACCEPTED, source="argument of instrument()")
    amounts = {key: _amount(f"{where}[{key!r}]", value) for key, value in entry.items()}
    per_token = {key: amount / MILLION for key, amount in amounts.items()}
    rates = Rates(
        input=per_token["input"],
        output=per_token["output"],
        cache_read=per_token.get("cache_read", per_token["input"]),
        cache_write=per_token.get("cache_write", per_token["input"]),
    )
    return Override(rates, amounts.get("request", Decimal(0)))


def _amount(where: str, value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise ConfigError.of(where, value, "an amount of USD, 0 or more", source="argument of instrument()")
    return amount
