"""What is wrong with a config, in words: the field's path, its value where that can be no key, and the way out.

`portkey_config.py` finds the faults; here pydantic's findings and our own become the one `ConfigError` that users see.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

MODES: Final = ("single", "loadbalance", "fallback", "conditional")
CACHE_MODES: Final = ("simple", "semantic")

NEAREST: Final = {
    "round-robin": "loadbalance", "roundrobin": "loadbalance", "round_robin": "loadbalance", "least-latency": "loadbalance",
    "least_latency": "loadbalance", "latency": "loadbalance", "weighted": "loadbalance", "random": "loadbalance",
    "failover": "fallback", "priority": "fallback", "router": "conditional", "routing": "conditional", "exact": "simple",
}  # fmt: skip
"""Words for what Portkey calls otherwise, or does not have -> the mode that comes nearest; none is alike in spelling."""

ACCEPTED: Final = {
    "strategy.mode": "Portkey accepts " + ", ".join(MODES),
    "cache.mode": "Portkey accepts " + ", ".join(CACHE_MODES),
    "weight": "it takes a number, 0 or more",
    "attempts": "it takes a whole number from 0 to 5",
    "max_age": "it takes whole seconds, 1 or more",
    "on_status_codes": "it takes a list of HTTP status codes, 100 to 599",
    "request_timeout": "it takes whole milliseconds, 1 or more",
    "use_retry_after_header": "it takes True or False",
    "then": "it takes the name of a target",
    "default": "it takes the name of a target",
    "conditions": "it takes a list of {'query': {...}, 'then': name of a target}",
    "query": "it takes a mapping such as {'metadata.tier': {'$eq': 'paid'}}",
    "targets": "it takes a list of mappings, one or more",
    "strategy": "it takes a mapping such as {'mode': 'fallback'}",
    "retry": "it takes a mapping such as {'attempts': 3}",
    "cache": "it takes a mapping such as {'mode': 'simple', 'max_age': 60}",
}
"""Field, or parent and field -> what it takes."""

WORDS: Final = (
    "mode", "weight", "attempts", "max_age", "on_status_codes", "request_timeout", "use_retry_after_header", "strategy",
)  # fmt: skip
"""Fields of which a text that does not belong there is shown: nobody writes a key into one of them."""


class Fault(ValueError):  # noqa: N818  # a finding, which becomes an error's text
    """A mistake that our own validators find: the field below the model they stand in, and what is wrong with it."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field = field


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'virtual_key'?`, or nothing where none is alike."""
    names = list(known)
    found = [NEAREST[word.lower()]] if NEAREST.get(word.lower()) in names else get_close_matches(word.lower(), names, 1)
    return f"; did you mean {found[0]!r}?" if found else ""


def config_error(found: ValidationError, source: str) -> ConfigError:
    """The error to raise: every fault with its path below `source` (`PortkeyGateway(config=...)`)."""
    faults = found.errors(include_url=False, include_input=True)
    return ConfigError("; ".join(dict.fromkeys(f"{source}: {_said(fault)}" for fault in faults)))


def _said(fault: ErrorDetails) -> str:
    loc, kind, value = fault["loc"], fault["type"], fault["input"]
    own = fault.get("ctx", {}).get("error")
    if isinstance(own, Fault):
        return f"{_path((*loc, own.field) if own.field else loc)} {own}".strip()
    if isinstance(own, ConfigError):
        return str(own)
    path, takes = _path(loc), _takes(loc)
    if kind == "missing":
        return f"{path} is missing; {takes or 'give it'}"
    if kind == "extra_forbidden":
        return f"{path} is no field that Portkey knows"
    if kind == "too_short":
        return f"{path} is empty; {takes}, or leave it out"
    said = f"{path or 'the config'} is {_shown(value, loc)}; {takes or fault['msg'].lower()}"
    return said + (nearest(value, MODES if "strategy" in loc else CACHE_MODES) if _is_mode(loc, value) else "")


def _is_mode(loc: Sequence[int | str], value: object) -> bool:
    return loc[-1:] == ("mode",) and isinstance(value, str)


def _takes(loc: Sequence[int | str]) -> str:
    names = [part for part in loc if isinstance(part, str)]
    return ACCEPTED.get(".".join(names[-2:])) or ACCEPTED.get(names[-1] if names else "", "")


def _path(loc: Sequence[int | str]) -> str:
    """`strategy.conditions[0].then` of pydantic's tuple."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text and part[:1] != "[" else part
    return text


def _shown(value: Any, loc: Sequence[int | str]) -> str:
    """The value itself where it can be no key, else what it is."""
    is_word = isinstance(value, str) and next((part for part in reversed(loc) if isinstance(part, str)), "") in WORDS
    if value is None or is_word or isinstance(value, (bool, int, float)):
        return repr(value)[:80]
    return f"a {type(value).__name__}"
