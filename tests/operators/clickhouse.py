"""ClickHouse in this process (chdb), with the tables of `deploy/clickhouse/`, filled as the collector's exporter fills them."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from fastagentic.core import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .workload import Truth

ROOT = Path(__file__).parents[2]
SCHEMA = sorted((ROOT / "deploy/clickhouse").glob("*.sql"))
KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
STATUSES = ("Unset", "Ok", "Error")


class ClickHouse:
    """`with ClickHouse(folder) as clickhouse: clickhouse.take(facts_file); clickhouse.rows("SELECT ...")`.

    One at a time in a process: that is chdb's own limit. chdb is imported here, since only the operators' group has it.
    """

    def __init__(self, folder: Path, schema: Sequence[Path] = SCHEMA) -> None:
        from chdb.session import Session

        self._session = Session(str(folder))
        self._session.query("CREATE DATABASE IF NOT EXISTS otel")
        for path in schema:
            for statement in statements(path.read_text(encoding="utf-8")):
                self._session.query(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def take(self, facts: Path, *, back: int = 0, slot_s: float = 0.0) -> int:
        """Insert the spans of a file that the overlay with-file.yaml wrote; how many there were.

        With `back`, as if they had been made that many slots of `slot_s` seconds ago, each trace at a time of its own in the
        slot and under an id of its own.
        """
        rows = [
            _moved(row, back, slot_s) if back else row
            for line in facts.read_text(encoding="utf-8").splitlines()
            for row in rows_of(line)
        ]
        if rows:
            self.insert(rows)
        return len(rows)

    def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows into `otel_traces` as one batch."""
        self.run("INSERT INTO otel.otel_traces FORMAT JSONEachRow\n" + "\n".join(map(json.dumps, rows)))

    def run(self, sql: str) -> None:
        """Run a statement that gives nothing back."""
        self._session.query(sql)

    def rows(self, sql: str, **parameters: str) -> list[dict[str, Any]]:
        """The rows of a query, in the order of its columns; `parameters` fill its `{name:Type}`."""
        settings = "SETTINGS output_format_json_quote_64bit_integers = 0, output_format_json_quote_decimals = 0"
        said = str(self._session.query(f"{sql} {settings}", "JSONEachRow", params=parameters))
        return [json.loads(line) for line in said.splitlines() if line]


def statements(sql: str) -> list[str]:
    """The statements of a script, without its comments."""
    text = re.sub(r"^\s*--.*$", "", sql, flags=re.MULTILINE)
    return [one.strip() for one in re.split(r";\s*(?:\n|$)", text) if one.strip()]


def rows_of(otlp_json: str) -> Iterator[dict[str, Any]]:
    """A line of OTLP JSON as rows of `otel_traces`: all attribute values are text there."""
    for resource_spans in json.loads(otlp_json)["resourceSpans"]:
        resource = _texts(resource_spans["resource"].get("attributes", []))
        for scope_spans in resource_spans["scopeSpans"]:
            scope = scope_spans.get("scope", {})
            for span in scope_spans["spans"]:
                start_ns = int(span["startTimeUnixNano"])
                yield {
                    "Timestamp": moment(start_ns),
                    "TraceId": span["traceId"],
                    "SpanId": span["spanId"],
                    "ParentSpanId": span.get("parentSpanId", ""),
                    "TraceState": span.get("traceState", ""),
                    "SpanName": span["name"],
                    "SpanKind": KINDS[span.get("kind", 0)],
                    "ServiceName": resource.get("service.name", ""),
                    "ResourceAttributes": resource,
                    "ScopeName": scope.get("name", ""),
                    "ScopeVersion": scope.get("version", ""),
                    "SpanAttributes": _texts(span.get("attributes", [])),
                    "Duration": int(span["endTimeUnixNano"]) - start_ns,
                    "StatusCode": STATUSES[span.get("status", {}).get("code", 0)],
                    "StatusMessage": span.get("status", {}).get("message", ""),
                }


def _moved(row: dict[str, Any], back: int, slot_s: float) -> dict[str, Any]:
    trace_id = hashlib.md5(f"{row['TraceId']} {back}".encode(), usedforsecurity=False).hexdigest()
    earlier_s = (back + int(trace_id[:8], 16) / 2**32) * slot_s
    seconds, _, rest = row["Timestamp"].partition(".")
    moved = datetime.fromisoformat(f"{seconds}+00:00") - timedelta(seconds=int(earlier_s))
    attributes = {**row["SpanAttributes"], names.RUN_ID: trace_id}
    return {**row, "TraceId": trace_id, "SpanAttributes": attributes, "Timestamp": f"{moved:%Y-%m-%d %H:%M:%S}.{rest}"}


def _texts(attributes: list[dict[str, Any]]) -> dict[str, str]:
    return {one["key"]: _text(one["value"]) for one in attributes}


def _text(value: dict[str, Any]) -> str:
    """As the exporter writes a value of OTLP: numbers plainly, lists and mappings as JSON."""
    (kind, inner), *_ = value.items() or [("stringValue", "")]
    if kind == "boolValue":
        return "true" if inner else "false"
    if kind in ("arrayValue", "kvlistValue"):
        return json.dumps([_plain(one) for one in inner.get("values", [])])
    return str(inner)


def _plain(value: dict[str, Any]) -> Any:
    (kind, inner), *_ = value.items()
    return int(inner) if kind == "intValue" else inner


def moment(nanoseconds: int) -> str:
    """A time as the exporter writes it."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:09d}"


def spans_of(truth: Truth) -> list[dict[str, Any]]:
    """The workload's spans, out of its local store, as the exporter writes them."""
    return [
        {
            "Timestamp": moment(span["started_ns"]),
            "TraceId": span["trace_id"],
            "SpanId": span["span_id"],
            "ParentSpanId": span["parent_span_id"] or "",
            "SpanName": span["name"],
            "ServiceName": truth.service_name,
            "ScopeName": names.SCOPE,
            "SpanAttributes": {name: stored_text(value) for name, value in span["attributes"].items()},
            "Duration": span["ended_ns"] - span["started_ns"],
            "StatusCode": span["status"].title(),
        }
        for span in truth.spans()
    ]


def stored_text(value: object) -> str:
    """An attribute of the local store as the exporter writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def batches(rows: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """The rows in batches of this size."""
    return (rows[at : at + size] for at in range(0, len(rows), size))
