"""`LLMCalls`: the calls that a test made, their sums, and assertions on them whose failures list the calls."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.words import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fastagentic.core.call import LLMCall

LISTED: Final = 20
NO_MODEL: Final = "(no model)"
NO_RUN: Final = "(no run)"


@dataclass(slots=True, frozen=True)
class Call:
    """One LLM call of a test. What is not known is None; a cost of 0 is one that is known."""

    model: str
    """The model that answered, else the one that was asked."""
    provider: str
    client: str
    run: str | None
    """The name of the run, None outside any."""
    run_id: str
    cost_usd: Decimal | None
    saved_usd: Decimal | None
    input_tokens: int | None
    output_tokens: int | None
    cache_hit: bool
    """Whether the gateway's cache answered."""
    is_unpriced: bool
    """Whether nobody knew its price; a call that failed before it used anything is not."""
    error_type: str | None
    duration_s: float

    @classmethod
    def of(cls, call: LLMCall) -> Call:
        """The call as it ended."""
        return cls(
            model=call.response_model or call.model or NO_MODEL,
            provider=call.provider,
            client=call.client,
            run=None if call.run is None else call.run.name,
            run_id=call.run_id,
            cost_usd=None if call.cost is None else call.cost.usd,
            saved_usd=None if call.cost is None else call.cost.saved_usd,
            input_tokens=call.usage.input_tokens,
            output_tokens=call.usage.output_tokens,
            cache_hit=call.facts.is_cache_hit,
            is_unpriced=call.cost is not None and call.cost.usd is None,
            error_type=call.error_type,
            duration_s=call.duration_s,
        )

    @property
    def tokens(self) -> int:
        """Input and output, as far as they are known."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    def row(self) -> dict[str, Any]:
        """The call as JSON has it."""
        decimals = {name: None if (usd := getattr(self, name)) is None else str(usd) for name in ("cost_usd", "saved_usd")}
        return {**asdict(self), **decimals}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Call:
        """The call from its JSON."""
        decimals = {name: None if row[name] is None else Decimal(row[name]) for name in ("cost_usd", "saved_usd")}
        return cls(**{**row, **decimals})


@dataclass(slots=True)
class LLMCalls:
    """Calls and their sums; `len()` counts them, and iterating gives each `Call`.

    Example:
        >>> calls = LLMCalls()
        >>> len(calls), calls.cost, calls.tokens
        (0, 0.0, 0)
        >>> calls.assert_cost(max_usd=0.02)
    """

    made: list[Call] = field(default_factory=list)
    settle: Callable[[], object] = field(default=lambda: None, repr=False)
    """Called before anything is read: a stream that was dropped ends on a thread of ours."""

    @property
    def calls(self) -> list[Call]:
        """Those that have ended so far, in order."""
        self.settle()
        return list(self.made)

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    @property
    def cost_usd(self) -> Decimal:
        """Known cost, USD, to the last digit."""
        return sum((call.cost_usd or Decimal(0) for call in self.calls), Decimal(0))

    @property
    def cost(self) -> float:
        """Known cost, USD."""
        return float(self.cost_usd)

    @property
    def saved(self) -> float:
        """What cache hits would have cost, USD."""
        return float(sum((call.saved_usd or Decimal(0) for call in self.calls), Decimal(0)))

    @property
    def input_tokens(self) -> int:
        """Tokens asked, as far as they are known."""
        return sum(call.input_tokens or 0 for call in self.calls)

    @property
    def output_tokens(self) -> int:
        """Tokens answered, as far as they are known."""
        return sum(call.output_tokens or 0 for call in self.calls)

    @property
    def tokens(self) -> int:
        """Both together."""
        return sum(call.tokens for call in self.calls)

    @property
    def cache_hits(self) -> int:
        """Calls that the gateway's cache answered."""
        return sum(call.cache_hit for call in self.calls)

    @property
    def errors(self) -> int:
        """Calls that failed."""
        return sum(call.error_type is not None for call in self.calls)

    @property
    def unpriced(self) -> int:
        """Calls whose cost nobody knew; `cost` leaves them out."""
        return sum(call.is_unpriced for call in self.calls)

    @property
    def by_model(self) -> dict[str, LLMCalls]:
        """Model -> its calls, in the order in which they first came."""
        return self._by(lambda call: call.model)

    @property
    def by_run(self) -> dict[str, LLMCalls]:
        """Name of the run -> its calls; those outside any run under `(no run)`."""
        return self._by(lambda call: call.run or NO_RUN)

    def assert_cost(self, *, max_usd: float, min_usd: float = 0.0, allow_unpriced: bool = False) -> None:
        """All together cost at most this, USD, and at least that. A call of unknown cost fails it unless it is allowed."""
        __tracebackhide__ = True
        calls = LLMCalls(self.calls)
        if calls.unpriced and not allow_unpriced:
            _fail(f"what the LLM calls cost is not known: {_unpriced(calls)}", calls)
        if not Decimal(str(min_usd)) <= calls.cost_usd <= Decimal(str(max_usd)):
            limit = f"more than {_usd(max_usd)}" if calls.cost > max_usd else f"less than {_usd(min_usd)}"
            _fail(f"the LLM calls cost {_usd(calls.cost)}, {limit}", calls)

    def assert_no_unpriced(self) -> None:
        """The cost of every call is known."""
        __tracebackhide__ = True
        calls = LLMCalls(self.calls)
        if calls.unpriced:
            _fail(_unpriced(calls), calls)

    def assert_cached(self, *, at_least: int) -> None:
        """The gateway's cache answered so many of them."""
        __tracebackhide__ = True
        calls = LLMCalls(self.calls)
        if calls.cache_hits < at_least:
            _fail(f"the cache answered {calls.cache_hits} of {plural(len(calls), 'LLM call')}, not at least {at_least}", calls)

    def assert_calls(self, *, at_most: int | None = None, at_least: int = 0) -> None:
        """So many calls were made, failed ones included."""
        __tracebackhide__ = True
        calls = LLMCalls(self.calls)
        number = len(calls)
        if number < at_least or (at_most is not None and number > at_most):
            limit = f"fewer than {at_least}" if number < at_least else f"more than {at_most}"
            _fail(f"{plural(number, 'LLM call')}, {limit}", calls)

    def table(self) -> str:
        """A line a call, for people: model, run, tokens, cost."""
        calls = self.calls
        rows = [_cells(call) for call in calls[:LISTED]]
        if not rows:
            return "  (none)"
        widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
        lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, f"  ... and {len(calls) - LISTED} more"] if len(calls) > LISTED else lines)

    def _by(self, key: Callable[[Call], str]) -> dict[str, LLMCalls]:
        found: dict[str, LLMCalls] = {}
        for call in self.calls:
            found.setdefault(key(call), LLMCalls()).made.append(call)
        return found


def _fail(message: str, calls: LLMCalls) -> None:
    __tracebackhide__ = True
    raise AssertionError(f"{message}\n{calls.table()}")


def _unpriced(calls: LLMCalls) -> str:
    models = sorted({call.model for call in calls if call.is_unpriced})
    return f"{plural(calls.unpriced, 'LLM call')} of unknown cost, of {', '.join(models)}"


def _cells(call: Call) -> list[str]:
    cost = "failed" if call.cost_usd is None and not call.is_unpriced else _usd(call.cost_usd)
    notes = [note for note, is_so in (("cache hit", call.cache_hit), (call.error_type or "", call.error_type)) if is_so]
    return [call.model, f"run {call.run}" if call.run else NO_RUN, plural(call.tokens, "token"), cost, ", ".join(notes)]


def _usd(usd: float | Decimal | None) -> str:
    """With as many digits as tell it from a limit near by."""
    return "unknown" if usd is None else f"${float(usd):.6g}"
