"""The short forms of a Portkey config, written out; and the conditions of its router, checked.

What the gateway does with each, as measured on 1.15.2: a query's bare `model` never matches, a conditional strategy without
targets is refused, and so are targets without a strategy.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from ._config_faults import Fault, nearest

logger = logging.getLogger("fastagentic")

LISTS: Final = ("$in", "$nin")
OPERATORS: Final = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", *LISTS, "$regex")
JOINS: Final = ("$and", "$or")
PLACES: Final = ("metadata", "params", "url")
"""What a query can look at: the request's metadata, its body, its path (`url.pathname`)."""


def written_out(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config or target as the gateway accepts it; what is no short form is left as it is, mistakes included."""
    full = dict(config)
    strategy, targets = full.get("strategy"), full.get("targets")
    if isinstance(full.get("cache"), str):
        full["cache"] = {"mode": full["cache"]}
    if isinstance(strategy, Mapping) and strategy.get("mode") == "conditional":
        full["targets"] = _with_names(targets, _destinations(strategy))
    elif strategy is None and isinstance(targets, list) and targets:
        full["strategy"] = {"mode": "single" if len(targets) == 1 else "fallback"}
        if len(targets) > 1:
            logger.warning(
                "a Portkey config has %d targets and no strategy; they are tried in their order (strategy.mode 'fallback')",
                len(targets),
            )
    return {name: value for name, value in full.items() if value is not None}


def _destinations(strategy: Mapping[str, Any]) -> list[str]:
    """The names that a conditional strategy sends requests to, each once."""
    conditions = strategy.get("conditions")
    thens = [one.get("then") for one in conditions if isinstance(one, Mapping)] if isinstance(conditions, list) else []
    return [name for name in dict.fromkeys([*thens, strategy.get("default")]) if isinstance(name, str)]


def _with_names(targets: Any, names: list[str]) -> Any:
    """The targets of a conditional strategy by name: where there are none, each name is a virtual key."""
    if targets is None:
        return [{"name": name, "virtual_key": name} for name in names] or None
    if not isinstance(targets, list):
        return targets
    return [
        {**target, "name": target["virtual_key"]}
        if isinstance(target, Mapping) and target.get("name") is None and target.get("virtual_key") in names
        else target
        for target in targets
    ]


def read_query(query: Mapping[str, Any]) -> dict[str, Any]:
    """A condition's query with `model` as `params.model`. Raises: Fault for what the gateway would refuse, or never match."""
    return dict(_read_entry(str(key), value) for key, value in query.items())


def _read_entry(key: str, value: Any) -> tuple[str, Any]:
    at = f"[{key!r}]"
    if key in JOINS:
        if not isinstance(value, list) or not value or not all(isinstance(one, Mapping) for one in value):
            raise Fault(at, "takes a list of queries")
        return key, [read_query(one) for one in value]
    name = _read_key(at, key)
    _check_value(at, value)
    return name, value


def _read_key(at: str, key: str) -> str:
    if key == "model":
        return "params.model"
    place, _, name = key.partition(".")
    if key.startswith("$"):
        raise Fault(at, f"is no way to join queries; Portkey knows {', '.join(JOINS)}{nearest(key, JOINS)}")
    if not name:
        raise Fault(at, f"is nothing that Portkey looks at; write 'metadata.{key}' or 'params.{key}'")
    if place not in PLACES or (place == "url" and name != "pathname"):
        known = ("metadata.", "params.", "url.pathname")
        raise Fault(at, f"is nothing that Portkey looks at; it takes {', '.join(known)}{nearest(key, known)}")
    if place == "metadata" and "." in name:
        raise Fault(at, "never matches: Portkey looks at the first level of the metadata alone")
    return key


def _check_value(at: str, value: Any) -> None:
    if isinstance(value, list):
        raise Fault(at, "is a list, which equals nothing; write {'$in': [...]}")
    if not isinstance(value, Mapping):
        return
    if not value:
        raise Fault(at, f"says no operator; Portkey knows {', '.join(OPERATORS)}")
    for operator, operand in value.items():
        if operator not in OPERATORS:
            known = ", ".join(OPERATORS)
            raise Fault(at, f"uses the operator {operator!r}; Portkey knows {known}{nearest(str(operator), OPERATORS)}")
        if operator in LISTS and not isinstance(operand, list):
            raise Fault(at, f"{operator} takes a list")
