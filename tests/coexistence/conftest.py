"""What is known to fail side by side with others, with the reason; each is expected to fail, not skipped."""

from __future__ import annotations

import pytest

SHADOWED = "OpenInference, put on first, wraps OpenAI.request on the subclass and hides the method that our door is on"

KNOWN = {
    "test_each_logical_call_counts_once[openinference-theirs-first]": SHADOWED,
    "test_both_arrive_at_the_users_exporter[openinference-theirs-first]": SHADOWED,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name, reason in KNOWN.items():
            if item.name.startswith(name):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=False))
