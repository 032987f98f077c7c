"""The demo's calls carried away: read back they answer every question alike, and a collector has each span once."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core import names
from tests.store.answers import answers

from .collector import Collector
from .process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .workload import Truth


def fastagentic(home: Path, *arguments: str) -> str:
    """Run a command on the store in `home`; what it said beside its output."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("FASTAGENTIC_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-m", "fastagentic", *arguments],
        env={**variables, "FASTAGENTIC_HOME": str(home)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_what_is_read_back_gives_the_same_answer_to_every_question(played: Truth, tmp_path: Path, form: str) -> None:
    fastagentic(played.home, "export", "--format", form, "--output", str(tmp_path / "out"))
    fastagentic(tmp_path / "other", "import", str(tmp_path / "out"))

    expected, found = answers(played.store), answers(tmp_path / "other" / "store.db")
    assert [question for question, answer in expected.items() if found[question] != answer] == []
    assert found.keys() == expected.keys()


def test_a_spreadsheet_adds_up_to_what_the_store_says_of_its_calls(played: Truth, tmp_path: Path) -> None:
    fastagentic(played.home, "export", "--format", "csv", "--output", str(tmp_path / "calls.csv"))
    with (tmp_path / "calls.csv").open(newline="", encoding="utf-8-sig") as file:
        calls = list(csv.DictReader(file))

    said = played.total()
    assert len(calls) == said.calls
    for column, total in (
        ("input_tokens", said.input_tokens),
        ("output_tokens", said.output_tokens),
        ("cost_usd", said.cost_usd),
        ("saved_usd", said.saved_usd),
    ):
        assert float(sum(Decimal(call[column] or 0) for call in calls)) == pytest.approx(total, abs=1e-9), column


def spans_in(file: Path) -> Iterator[dict[str, Any]]:
    """The spans of a file of OTLP JSON, as the collector's file exporter writes it."""
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                yield from scope["spans"]


def cost_of(span: dict[str, Any]) -> Decimal:
    found = [Decimal(repr(one["value"]["doubleValue"])) for one in span["attributes"] if one["key"] == names.USAGE_COST]
    return sum(found, Decimal(0))


def test_a_collector_has_each_span_once_and_the_same_total(played: Truth, collector_binary: Path, tmp_path: Path) -> None:
    facts, stored = tmp_path / "calls.jsonl", played.rows("SELECT trace_id, span_id, name FROM spans")
    with Collector(collector_binary, tmp_path, "all-in-one.yaml", "with-file.yaml", FACTS_FILE=str(facts)) as collector:
        command = ("export", "--format", "otlp", "--endpoint", collector.otlp_endpoint, "--restart")
        assert f"has taken {len(stored)} spans" in fastagentic(played.home, *command)
        wait_until(lambda: len(list(spans_in(facts))) >= len(stored), f"{len(stored)} spans in {facts}")
        assert "has taken 0 spans" in fastagentic(played.home, *command[:-1])

    found = list(spans_in(facts))
    assert Counter((span["traceId"], span["spanId"], span["name"]) for span in found) == Counter(map(tuple, stored))
    costs = played.rows("SELECT cost_usd FROM calls WHERE cost_usd IS NOT NULL")
    assert sum(map(cost_of, found), Decimal(0)) == sum((Decimal(repr(row["cost_usd"])) for row in costs), Decimal(0)) > 0
