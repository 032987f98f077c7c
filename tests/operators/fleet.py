"""The same calls in the local store and in a ClickHouse behind its HTTP interface: `with fleet(folder, spans) as both: ...`."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from fastagentic.core import names
from fastagentic.store.file import StoreFile
from fastagentic.store.projection import project

from . import clickhouse_server
from .clickhouse import SCHEMA, moment, statements, stored_text
from .clickhouse_server import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fastagentic.store.rows import StoredSpan

BATCH = 20_000
LIMIT_S = 60.0


class Server:
    """`with Server(folder) as server`: a ClickHouse in a process of its own, with the tables of `deploy/clickhouse/`."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, clickhouse_server.__file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError("the server did not start; what it said of that stands above")
        self.port = int(said)
        self.run("CREATE DATABASE otel")
        for path in SCHEMA:
            for statement in statements(path.read_text(encoding="utf-8")):
                self.run(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=LIMIT_S)  # closes its standard input: it ends
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.communicate()

    def url(self, *, user: str = USER, password: str = PASSWORD, database: str = "otel") -> str:
        """What FASTAGENTIC_STORE is to say."""
        return f"clickhouse://{quote(user)}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def run(self, sql: str) -> None:
        """Run a statement that gives nothing back."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        with contextlib.closing(connection):
            key = PASSWORD.encode().decode("latin-1")
            connection.request("POST", "/", sql.encode(), {"X-ClickHouse-User": USER, "X-ClickHouse-Key": key})
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace")
        assert answer.status == http.client.OK, said

    def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows into `otel_traces` as one batch."""
        self.run("INSERT INTO otel.otel_traces FORMAT JSONEachRow\n" + "\n".join(map(json.dumps, rows)))


@dataclass(frozen=True)
class Fleet:
    """The two stores."""

    path: Path
    """Of the local one."""
    server: Server


@contextlib.contextmanager
def fleet(folder: Path, spans: Sequence[StoredSpan]) -> Iterator[Fleet]:
    """Both stores with these spans in them."""
    path = folder / "store.db"
    file = StoreFile(path, busy_s=5.0)
    for at in range(0, len(spans), BATCH):
        file.write([project(span) for span in spans[at : at + BATCH]], {})
    file.close()
    with Server(folder / "clickhouse") as server:
        for at in range(0, len(spans), BATCH):
            server.insert([row_of(span) for span in spans[at : at + BATCH]])
        yield Fleet(path, server)


def row_of(span: StoredSpan, *, scope: str = names.SCOPE) -> dict[str, Any]:
    """A span as the collector's exporter writes it."""
    return {
        "Timestamp": moment(span.started_ns),
        "TraceId": span.trace_id,
        "SpanId": span.span_id,
        "ParentSpanId": span.parent_span_id or "",
        "SpanName": span.name,
        "ServiceName": "fleet",
        "ScopeName": scope,
        "SpanAttributes": {name: stored_text(value) for name, value in span.attributes.items()},
        "Duration": (span.ended_ns - span.started_ns) % 2**64,
        "StatusCode": span.status.title(),
    }
