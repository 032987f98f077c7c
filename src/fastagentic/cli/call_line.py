"""What one LLM call is worth saying on its line of `fastagentic show`: a function a fact, in the order of `_PARTS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastagentic.core import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastagentic.store.queries.run_tree import CallFacts

    Part = tuple[str, str]

_HITS: Final = {"hit": "cache hit", "semantic_hit": "semantic cache hit"}


def call_parts(call: CallFacts) -> Iterator[Part]:
    """(text, style) of what is known about `call`, the most asked first."""
    for part in _PARTS:
        yield from part(call)


def _tokens(call: CallFacts) -> Iterator[Part]:
    if call.input_tokens is not None or call.output_tokens is not None:
        about = "~" if call.is_estimated else ""
        yield f"{about}{words.count(call.input_tokens)} in {about}{words.count(call.output_tokens)} out", ""


def _cost(call: CallFacts) -> Iterator[Part]:
    if call.cost_source is not None:
        yield ((words.money(call.cost_usd), "green") if call.cost_usd is not None else ("cost unknown", "yellow"))


def _cache(call: CallFacts) -> Iterator[Part]:
    if call.cache_status in _HITS:
        yield _HITS[call.cache_status], "cyan"
    elif call.cache_status is not None and call.cache_status != "disabled":
        yield f"cache {call.cache_status}", "dim"
    if call.saved_usd:
        yield f"saved {words.money(call.saved_usd)}", "cyan"


def _served_by(call: CallFacts) -> Iterator[Part]:
    target = call.target_name or _target(call)
    provider = call.target_provider or call.provider
    served = " ".join(part for part in (target, f"({provider})" if target and provider else provider) if part)
    via = f" via {call.gateway}" if call.gateway else ""
    if served or via:
        yield f"{served}{via}".strip(), "dim"


def _target(call: CallFacts) -> str | None:
    if call.target_path is not None:
        return call.target_path if call.target_path != "config" else None  # a config without targets: there is no other
    return None if call.target_index is None else f"target {call.target_index}"


def _answered_by(call: CallFacts) -> Iterator[Part]:
    """The model that answered, unless it is the one asked for or that one with its date."""
    asked = (call.model or "").rpartition("/")[2]
    if asked and call.response_model and not call.response_model.rpartition("/")[2].startswith(asked):
        yield f"answered by {call.response_model}", "dim"


def _rescue(call: CallFacts) -> Iterator[Part]:
    if call.retries:
        yield "1 retry" if call.retries == 1 else f"{call.retries} retries", "yellow"
    if call.fallback_used:
        yield "fallback", "yellow"


def _stream(call: CallFacts) -> Iterator[Part]:
    if call.stream_end is not None:
        yield f"stream {call.stream_end}", "dim" if call.stream_end == "exhausted" else "yellow"
    if call.time_to_first_chunk_s is not None:
        yield f"first chunk {words.duration(call.time_to_first_chunk_s)}", "dim"


_PARTS: Final[tuple[Callable[[CallFacts], Iterator[Part]], ...]] = (
    _tokens, _cost, _cache, _served_by, _rescue, _stream, _answered_by,
)  # fmt: skip
