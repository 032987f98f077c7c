"""A request of the OpenAI SDK's kind (OpenAI's own, Portkey's copy, Portkey's own client) with what a hook wants otherwise.

At the function that goes to the wire the arguments have become `options`: a body, headers, a query. What users give the
SDK's methods beside the body keeps its names.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

BODIES: Final = ("json_data", "json_body")
"""What an option object may call its body."""

BESIDE: Final = {"extra_headers": "headers", "extra_query": "params"}
"""Arguments that join a mapping of the options."""


def with_changes(options: Any, changes: Mapping[str, Any]) -> Any:
    """A copy of the options with these arguments changed, by the names that the SDK's methods have for them."""
    changed = copy.copy(options)
    in_body = dict(changes)
    if "timeout" in in_body:
        changed.timeout = in_body.pop("timeout")
    for argument, field in BESIDE.items():
        if (added := in_body.pop(argument, None)) is not None:
            setattr(changed, field, {**_mapping(getattr(options, field, None)), **added})
    in_body |= in_body.pop("extra_body", None) or {}
    if in_body:
        name = next(name for name in BODIES if hasattr(options, name))
        setattr(changed, name, {**_mapping(getattr(options, name)), **in_body})
        if extra := _mapping(getattr(options, "extra_json", None)):  # joined later, and would win
            changed.extra_json = {key: value for key, value in extra.items() if key not in in_body}
    return changed


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
