"""`LLMCall` to what hooks see of it: `ctx.metadata["portkey"]`, `ctx.usage`. Pure projections, as `spans.py` is."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from fastagentic.context import UsageInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.core.call import LLMCall
    from fastagentic.core.run import Run


def facts_key(call: LLMCall) -> str:
    """The key in `ctx.metadata`: the gateway's name, the client's where no gateway answers."""
    return call.gateway or call.client


def facts_of(call: LLMCall) -> dict[str, Any]:
    """What is known of a call that is over. Unknown is None; an unknown cost is not there at all, for `.get("cost", 0)`."""
    facts, cost = call.facts, call.cost
    found: dict[str, Any] = {
        "cache_hit": facts.is_cache_hit,
        "cache_status": None if facts.cache_status is None else facts.cache_status.value,
        "saved": None if cost is None or cost.saved_usd is None else float(cost.saved_usd),
        "cost_source": None if cost is None else cost.source.value,
        "provider": facts.provider or call.provider,
        "model": call.response_model or call.model,
        "target_index": facts.target_index,
        "retries": facts.retries,
        "fallback_used": facts.fallback_used,
        "trace_id": call.run_id,
        "latency_ms": call.duration_s * 1000,
        "time_to_first_chunk_ms": None if call.time_to_first_chunk_s is None else call.time_to_first_chunk_s * 1000,
    }
    return found if cost is None or cost.usd is None else {"cost": float(cost.usd), **found}


def usage_of(call: LLMCall) -> UsageInfo:
    """Tokens and cost of a call."""
    usage, cost = call.usage, call.cost
    asked, said = usage.input_tokens or 0, usage.output_tokens or 0
    is_priced = cost is not None and cost.usd is not None
    return UsageInfo(
        input_tokens=asked,
        output_tokens=said,
        total_tokens=asked + said,
        cached_tokens=usage.cache_read_tokens or 0,
        cost=float(cost.usd) if cost is not None and cost.usd is not None else 0.0,
        model=call.response_model or call.model,
        latency_ms=call.duration_s * 1000,
        unpriced_calls=int(not is_priced),
    )


class CallMetadata(MutableMapping[str, Any]):
    """The run's metadata as the hooks of one call see them: what the gateway said is of this call, whatever others finish
    meanwhile; all else is the run's own, read and written there.
    """

    def __init__(self, run: Run | None) -> None:
        self._own: dict[str, Any] = {}
        self._run: dict[str, Any] = {} if run is None else run.metadata

    def tell(self, key: str, facts: dict[str, Any]) -> None:
        """What is known of the call."""
        self._own[key] = facts

    def __getitem__(self, key: str) -> Any:
        return self._own[key] if key in self._own else self._run[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._own.pop(key, None)
        self._run[key] = value

    def __delitem__(self, key: str) -> None:
        if self._own.pop(key, self) is self or key in self._run:
            del self._run[key]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._run, **self._own})

    def __len__(self) -> int:
        return len(self._run.keys() | self._own.keys())

    def __repr__(self) -> str:
        return repr(dict(self))
