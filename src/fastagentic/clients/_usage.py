"""Usage as providers state it, into our `Usage`: the OpenAI spellings and their relatives, Anthropic's, Google's. A count is a
row of a table. Readers of answers call this; what is not stated stays what it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastagentic.core.call import LLMCall, Usage


def fields_of(model: Any) -> Mapping[str, Any]:
    """All fields of a pydantic model or a dict, without `getattr`: for a field that a model lacks it costs 3 us."""
    if isinstance(model, dict):
        return model
    own, extra = vars(model), getattr(model, "__pydantic_extra__", None)
    return own if not extra else {**own, **extra} if own else extra


def field_of(model: Any, name: str) -> Any:
    """One field of a pydantic model or a dict, None where it has none. For chunks: an attribute of LiteLLM's takes ten times
    as long.
    """
    if isinstance(model, dict):
        return model.get(name)
    value = model.__dict__.get(name)
    if value is None and (extra := getattr(model, "__pydantic_extra__", None)):
        return extra.get(name)
    return value


def count_of(fields: Mapping[str, Any], name: str) -> int | None:
    """A count, None where there is none or something else."""
    value = fields.get(name)
    return value if value.__class__ is int else None


_OF_THE_INPUT: Final = (
    ("cached_tokens", "cache_read_tokens"),
    ("cache_creation_tokens", "cache_write_tokens"),
    ("cache_write_tokens", "cache_write_tokens"),
    ("audio_tokens", "input_audio_tokens"),
    ("image_tokens", "input_image_tokens"),
)
_OF_THE_OUTPUT: Final = (
    ("reasoning_tokens", "reasoning_tokens"),
    ("audio_tokens", "output_audio_tokens"),
    ("image_tokens", "output_image_tokens"),
)
_FOR_AN_HOUR: Final = (("ephemeral_1h_input_tokens", "cache_write_1h_tokens"),)
_SEARCHES: Final = (("web_search_requests", "web_searches"),)

# Where a count is stated -> the field of `Usage` that it is. The chat API spells them one way, its younger siblings
# (responses, images, transcriptions) another, and gateways add Anthropic's.
PLACES: Final = (
    (
        (),
        (
            ("prompt_tokens", "input_tokens"),
            ("input_tokens", "input_tokens"),
            ("completion_tokens", "output_tokens"),
            ("output_tokens", "output_tokens"),
            ("cache_read_input_tokens", "cache_read_tokens"),
            ("cache_creation_input_tokens", "cache_write_tokens"),
            ("num_search_queries", "web_searches"),  # Perplexity
        ),
    ),
    (("prompt_tokens_details",), _OF_THE_INPUT),
    (("input_tokens_details",), _OF_THE_INPUT),
    (("input_token_details",), _OF_THE_INPUT),  # transcriptions
    (("completion_tokens_details",), _OF_THE_OUTPUT),
    (("output_tokens_details",), _OF_THE_OUTPUT),
    (("cache_creation",), _FOR_AN_HOUR),
    (("prompt_tokens_details", "cache_creation_token_details"), _FOR_AN_HOUR),  # LiteLLM
    (("server_tool_use",), _SEARCHES),
)


def read_usage(usage: Usage, stated: Any) -> None:
    """Counts by the conventions' meaning: input includes the cached tokens, output those spent on reasoning."""
    if stated is None:
        return
    fields = _inside(stated)
    found: dict[str, int] = {}
    for path, named in PLACES:
        if path and fields.get(path[0]) is None:
            continue
        holder = fields
        for name in path:
            holder = _inside(holder.get(name))
        if holder:
            for name, attribute in named:
                count = holder.get(name)
                if count.__class__ is int and count >= found.get(attribute, 0):  # LiteLLM leaves a 0 where it does not fill one
                    found[attribute] = count
    _take_in(found, fields)
    for attribute, count in found.items():
        setattr(usage, attribute, count)


def _take_in(found: dict[str, int], fields: Mapping[str, Any]) -> None:
    """Make parts that were counted beside their whole a part of it, where the total says that they were.

    Portkey's gateway hands on Anthropic's own counting, whose input leaves out the cache, and Google's and xAI's, whose output
    leaves out the reasoning, in OpenAI's fields. The head of an Anthropic stream states no total, and no output yet.
    """
    asked, said, total = found.get("input_tokens", 0), found.get("output_tokens", 0), count_of(fields, "total_tokens")
    cached = found.get("cache_read_tokens", 0) + found.get("cache_write_tokens", 0)
    is_named = "cache_read_input_tokens" in fields or "cache_creation_input_tokens" in fields
    is_head = total is None and "output_tokens" not in found
    if cached and is_named and "input_tokens" in found and (is_head or total == asked + said + cached):
        found["input_tokens"] = asked + cached
    reasoning = found.get("reasoning_tokens", 0)
    if reasoning and total == asked + said + reasoning:
        found["output_tokens"] = said + reasoning


def read_message_usage(call: LLMCall, stated: Any) -> None:
    """Anthropic's own counting, which leaves the cached tokens out of the input, and its tier.

    A stream states the input at its head and the output at its end; a count that is not stated stays what it was.
    """
    if stated is None:
        return
    fields, usage = _inside(stated), call.usage
    for path, named in MESSAGE_PLACES:
        holder = _inside(fields.get(path)) if path else fields
        for name, attribute in named:
            if (count := count_of(holder, name)) is not None:
                setattr(usage, attribute, count)
    if (fresh := count_of(fields, "input_tokens")) is not None:
        usage.input_tokens = fresh + (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    read_tier(call, fields)


MESSAGE_PLACES: Final = (
    (
        "",
        (
            ("output_tokens", "output_tokens"),
            ("cache_read_input_tokens", "cache_read_tokens"),
            ("cache_creation_input_tokens", "cache_write_tokens"),
        ),
    ),
    ("cache_creation", _FOR_AN_HOUR),
    ("server_tool_use", _SEARCHES),
)


def read_google_usage(usage: Usage, stated: Any) -> None:
    """Google's counting: what was thought stands beside what was said, and each modality has a row of its own."""
    fields = _inside(stated)
    if not count_of(fields, "totalTokenCount"):  # LiteLLM writes 0 where the provider behind it was not asked
        return
    usage.input_tokens = count_of(fields, "promptTokenCount")
    usage.cache_read_tokens = count_of(fields, "cachedContentTokenCount")
    usage.reasoning_tokens = count_of(fields, "thoughtsTokenCount")
    said = count_of(fields, "candidatesTokenCount")
    usage.output_tokens = None if said is None else said + (usage.reasoning_tokens or 0)
    for rows, kind, attribute in MODALITIES:
        counts = [count_of(row, "tokenCount") for row in map(_inside, fields.get(rows) or ()) if row.get("modality") == kind]
        if counts:
            setattr(usage, attribute, sum(count or 0 for count in counts))


MODALITIES: Final = (
    ("promptTokensDetails", "AUDIO", "input_audio_tokens"),
    ("promptTokensDetails", "IMAGE", "input_image_tokens"),
    ("candidatesTokensDetails", "AUDIO", "output_audio_tokens"),
    ("candidatesTokensDetails", "IMAGE", "output_image_tokens"),
)


def read_tier(call: LLMCall, *stated: Any) -> None:
    """The service tier that answered, where an answer or its usage says so: the last word counts."""
    for place in stated:
        tier = field_of(place, "service_tier") if hasattr(place, "__dict__") or isinstance(place, dict) else None
        if tier.__class__ is str and tier:
            call.service_tier = tier


def seconds_of(value: Any) -> float | None:
    """Seconds as an answer states them, a number or its text (`verbose_json`); None for anything else."""
    try:
        seconds = float(value) if value.__class__ in (int, float, str) else -1.0
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _inside(value: Any) -> Mapping[str, Any]:
    """The fields of what should be an object; none where it is something else, most often because it is not there."""
    return {} if value is None or not (isinstance(value, dict) or hasattr(value, "__dict__")) else fields_of(value)
