"""Which store is read: what FASTAGENTIC_STORE may say, what is said when it cannot be asked, and never its password."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

import fastagentic
from fastagentic.core.errors import ConfigError, StoreError
from fastagentic.store.clickhouse.address import Address
from fastagentic.store.location import store_path
from fastagentic.store.place import read_place
from fastagentic.store.queries.costs import total

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "s3cret-w0rd"


@pytest.fixture
def no_clickhouse() -> Iterator[int]:
    """The port of a web server that is something else."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome</html>")

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_unless_said_otherwise_the_local_store_is_read() -> None:
    place = read_place()

    assert (place.at, place.path) == (store_path(), store_path())


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("clickhouse://db.internal", Address("db.internal", 8123)),
        ("clickhouses://db.internal/llm", Address("db.internal", 8443, "llm", is_secure=True)),
        ("clickhouse://me:a%2Fb%40c@db:9000/otel?secure=true", Address("db", 9000, "otel", "me", "a/b@c", is_secure=True)),
        ("clickhouse://me@[::1]:8123/otel?secure=false", Address("::1", 8123, "otel", "me")),
        (" ClickHouse://DB.internal:8123/ ", Address("db.internal", 8123)),
    ],
)
def test_a_url_names_a_server_a_database_and_who_asks(url: str, address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_STORE", url)

    place = read_place()

    assert place.at == address
    assert place.path is None
    assert (str(place).startswith("clickhouses://"), "me" in str(place)) == (address.is_secure, False)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (f"postgres://me:{SECRET}@db/otel", "store: scheme (FASTAGENTIC_STORE) is 'postgres'"),
        (f"clickhouse://me:{SECRET}@/otel", "store: host"),
        (f"clickhouse://me:{SECRET}@db:port/otel", "store: host"),
        (f"clickhouse://me:{SECRET}/x@db/otel", "store: host"),
        (f"clickhouse://me:{SECRET}@db/otel/more", "store: database"),
        (f"clickhouse://me:{SECRET}@db/otel?compress=1", "store: database"),
        ("/var/lib/store.db", "store: scheme"),
    ],
)
def test_what_is_no_such_url_is_told_by_its_part_and_without_its_password(
    url: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTAGENTIC_STORE", url)

    with pytest.raises(ConfigError) as told:
        read_place()

    assert str(told.value).startswith(named)
    assert "it takes clickhouse://user:password@host:8123/database" in str(told.value)
    assert SECRET not in str(told.value)


def test_a_server_that_is_not_there_is_one_line_with_the_variable_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    monkeypatch.setenv("FASTAGENTIC_STORE", f"clickhouse://me:{SECRET}@127.0.0.1:{port}/otel")

    with pytest.raises(StoreError) as told, read_place().open() as reader:
        total(reader)

    assert str(told.value) == (
        f"clickhouse://127.0.0.1:{port}/otel cannot be asked (Connection refused): does the server run, and is the address in "
        "FASTAGENTIC_STORE that of its HTTP port (8123, with TLS 8443)?"
    )


def test_a_server_that_is_no_clickhouse_is_said_to_be_none(no_clickhouse: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_STORE", f"clickhouse://me:{SECRET}@127.0.0.1:{no_clickhouse}/otel")

    said = "what answers there is no ClickHouse: '<html>Welcome</html>'"
    with pytest.raises(StoreError, match=said) as told, read_place().open() as reader:
        total(reader)

    assert SECRET not in str(told.value)


def test_plain_http_where_tls_was_said_is_told(no_clickhouse: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_STORE", f"clickhouses://127.0.0.1:{no_clickhouse}/otel")

    with pytest.raises(StoreError, match="is it an HTTPS port"), read_place().open() as reader:
        total(reader)


@pytest.mark.parametrize(("destinations", "is_warned"), [(["local"], True), (["local", "otlp=http://127.0.0.1:9"], False)])
def test_who_writes_to_this_machine_alone_is_warned_that_a_fleet_hears_nothing_of_it(
    destinations: list[str], is_warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FASTAGENTIC_STORE", f"clickhouse://me:{SECRET}@127.0.0.1:9/otel")
    monkeypatch.setenv("FASTAGENTIC_EXIT_TIMEOUT", "0.2s")

    with caplog.at_level(logging.WARNING, logger="fastagentic"):
        fastagentic.instrument(destinations=destinations)
        fastagentic.uninstrument()

    told = [record.getMessage() for record in caplog.records if "FASTAGENTIC_STORE" in record.getMessage()]
    assert len(told) == is_warned
    assert SECRET not in caplog.text
