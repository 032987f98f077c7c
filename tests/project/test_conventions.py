"""Our names beside those of OpenTelemetry's GenAI conventions, as `data/semconv.json` keeps them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastagentic.core import names

from .places import DATA

CONVENTIONS: dict[str, Any] = json.loads((DATA / "semconv.json").read_text())
KNOWN = {**CONVENTIONS["attributes"], **CONVENTIONS["metrics"]}

BEYOND = {
    "gen_ai.client.inference.operation.details": "an event of the conventions: data/semconv.json has attributes and metrics",
    "gen_ai.usage.cost": "the conventions have no cost; this is the one key that backends read for it",
    "http.response.status_code": "core conventions, namespace `http`, which data/semconv.json does not hold",
    "user.id": "core conventions, namespace `user`, which data/semconv.json does not hold",
    "session.id": "core conventions, namespace `session`, which data/semconv.json does not hold",
}
"""Names outside `fastagentic.*` that the data does not know, and why we use them all the same."""

OPERATIONS_BEYOND = {
    "speech": "no word in the conventions",
    "transcription": "no word in the conventions",
    "rerank": "no word in the conventions",
    "moderation": "no word in the conventions",
}

STRINGS = {name: value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and "." in value}
FOREIGN = {name: value for name, value in STRINGS.items() if not value.startswith("fastagentic.")}


@pytest.mark.parametrize("constant", FOREIGN)
def test_a_name_that_is_not_ours_is_one_of_the_conventions(constant: str) -> None:
    assert FOREIGN[constant] in KNOWN or FOREIGN[constant] in BEYOND


def test_no_name_is_written_twice() -> None:
    assert len(set(STRINGS.values())) == len(STRINGS)


def test_the_exceptions_are_still_exceptions_and_in_use() -> None:
    assert not set(BEYOND) & set(KNOWN)
    assert set(BEYOND) <= set(FOREIGN.values())


def test_no_key_of_our_own_lies_below_usage() -> None:
    """Langfuse counts every unknown number below `gen_ai.usage.` as tokens."""
    usage = {value for value in STRINGS.values() if value.startswith("gen_ai.usage.")}

    assert usage - set(KNOWN) == {"gen_ai.usage.cost"}


def test_operations_are_those_of_the_conventions() -> None:
    known = KNOWN["gen_ai.operation.name"]["is"]
    ours = {operation.value for operation in names.Operation}

    assert ours - set(known) == set(OPERATIONS_BEYOND)


METRICS = {
    names.OPERATION_DURATION: "histogram s",
    names.TOKEN_USAGE: "histogram {token}",
    names.TIME_TO_FIRST_CHUNK: "histogram s",
    names.TIME_PER_OUTPUT_CHUNK: "histogram s",
}


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_has_the_instrument_and_unit_of_the_conventions(metric: str) -> None:
    assert CONVENTIONS["metrics"][metric]["is"] == METRICS[metric]


def test_bucket_bounds_are_those_of_the_conventions() -> None:
    """docs/gen-ai/gen-ai-metrics.md: they stand in the text of the conventions, not in their model files."""
    seconds = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
    tokens = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)

    assert seconds == names.SECONDS_BUCKETS
    assert tokens == names.TOKENS_BUCKETS
