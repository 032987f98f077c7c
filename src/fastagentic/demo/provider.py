"""A loopback stand-in for an OpenAI-compatible model provider: the server, and nothing of what it answers.

What it does with a request is chosen by the path (`behaviours.py`); what it says is in `answers.py`.
`GET /_log` and `POST /_reset` read and clear its log. Used by the demo and by the test suite.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import sys
import threading
import time
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Final

from .answers import encode, error_body
from .behaviours import HEADER, behaviour_of
from .exchanges import ExchangeLog
from .hosted import HostedGateway
from .reply import Reply, decide

if TYPE_CHECKING:
    from typing import Self

LOOPBACK: Final = "127.0.0.1"
JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "multipart/form-data"
VERSION: Final = re.compile(r"v\d/")
PROMPT: Final = re.compile(r"prompts/[^/]+/completions")
"""Portkey's own path: a chat completion whose messages the gateway keeps."""


class StandIn:
    """The stand-in provider, on a free port of the loopback interface while the context lasts.

    `delay_s` and `chunk_gap_s` are the time an answer and each chunk of a stream take, in seconds.

    Example:
        >>> with StandIn() as provider:
        ...     provider.url("fail-503").endswith("/fail-503/v1"), provider.exchanges
        (True, [])
    """

    def __init__(self, *, delay_s: float = 0.0, chunk_gap_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.chunk_gap_s = chunk_gap_s
        self.log = ExchangeLog()
        self.hosted = HostedGateway(self.log)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="stand-in", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        server, thread = self._server, self._thread
        assert server is not None
        assert thread is not None
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join()

    @property
    def base(self) -> str:
        """The server's address, without a path."""
        assert self._server is not None, "the stand-in serves inside `with StandIn() as provider:` only"
        return f"http://{LOOPBACK}:{self._server.server_port}"

    @property
    def exchanges(self) -> list[Any]:
        """What it was asked and answered so far, in order."""
        return self.log.exchanges

    def url(self, segment: str = "ok") -> str:
        """The base URL of a provider that behaves as `segment` says (see `behaviours.py`)."""
        return f"{self.base}/{segment}/v1"

    def reset(self) -> None:
        """Clear the log, the counts of attempts and the hosted gateway's cache."""
        self.log.reset()
        self.hosted.reset()

    def reply(self, segment: str, endpoint: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        """Decide what a request gets, and note it in the log."""
        behaviour = behaviour_of(segment)
        if behaviour is not None and behaviour.is_hosted_gateway:
            return self.hosted.reply(endpoint, headers, body)
        return decide(*self.log.open(segment, endpoint, headers, body))


def form_fields(content_type: str, raw: bytes) -> dict[str, Any]:
    """The fields of a form; of a file, its size in bytes."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    fields: dict[str, Any] = {}
    for part in message_from_bytes(head + raw).walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            content = part.get_payload(decode=True)
            data = content if isinstance(content, bytes) else b""
            fields[name] = data.decode(errors="replace") if part.get_filename() is None else len(data)
    return fields


class _Server(ThreadingHTTPServer):
    """The listening socket, which also knows its open connections so that `hang_up` can end them."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self.connections: set[socket.socket] = set()
        super().__init__((LOOPBACK, 0), _Handler)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's own name, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def hang_up(self) -> None:
        """End the connections that clients keep alive; their threads then end too."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; anything else is told as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection and writes what was decided."""

    protocol_version = "HTTP/1.1"
    server_version = "stand-in"
    disable_nagle_algorithm = True  # head and body leave in two writes; a delayed ACK between them costs 40 ms
    wbufsize = 1 << 16
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the log is data."""

    def do_GET(self) -> None:
        stand_in = self.server.stand_in
        if self.path == "/_log":
            return self._write(200, encode(stand_in.log.as_json()))
        return self._write(404, encode(error_body(404, f"{self.path!r} is not served by GET; GET /_log is")))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/_reset":
            self.server.stand_in.reset()
            return self._write(200, b"{}")
        content_type = self.headers.get("Content-Type") or ""
        try:
            body = form_fields(content_type, raw) if content_type.startswith(FORM_TYPE) else json.loads(raw or b"{}")
        except ValueError:
            return self._write(400, encode(error_body(400, "the body is not JSON")))
        return self._answer(body)

    def _answer(self, body: dict[str, Any]) -> None:
        stand_in = self.server.stand_in
        headers = {name.lower(): value for name, value in self.headers.items()}
        segment, _, endpoint = self.path.strip("/").partition("/")
        endpoint = PROMPT.sub("chat/completions", VERSION.sub("", endpoint.partition("?")[0]))
        reply = stand_in.reply(headers.get(HEADER, segment), endpoint, headers, body)
        time.sleep(stand_in.delay_s + reply.delay_s)
        reply.headers["x-request-id"] = f"req-{reply.exchange.number}"
        if reply.chunks is None:
            return self._write(reply.status, reply.body, reply.headers)
        return self._stream(reply, reply.chunks)

    def _write(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._head(status, {"Content-Type": JSON_TYPE, "Content-Length": str(len(body)), **(headers or {})})
        self.wfile.write(body)
        self.wfile.flush()

    def _stream(self, reply: Reply, chunks: list[bytes]) -> None:
        self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **reply.headers})
        for chunk in chunks:
            if reply.exchange.chunks_sent == reply.break_after:
                return self._reset_connection()
            self._event(chunk)
            reply.exchange.chunks_sent += 1
            time.sleep(self.server.stand_in.chunk_gap_s)
        if reply.is_marked_done:
            self._event(b"data: [DONE]")
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        return None

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _event(self, event: bytes) -> None:
        event += b"\n\n"
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.flush()

    def _reset_connection(self) -> None:
        """Drop the connection as a crashed provider does: with a reset, in the middle of the body."""
        time.sleep(0.02)  # what was sent must have been read: a reset may discard it
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.rfile.close()
        self.connection.close()
