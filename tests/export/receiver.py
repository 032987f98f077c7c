"""A backend on the loopback interface: OTLP over HTTP and gRPC, and the endpoints of Langfuse that are not OTLP.

What it does with the next request is its `mode`, which may be changed at any time, also over HTTP (`POST /__mode`):

    ok  partial[:n]         take it all, or all but n
    503  429:7  307:URL     an HTTP status, with `Retry-After: 7` or `Location: URL`
    UNAVAILABLE[:7]         a gRPC status (an HTTP status is translated), with `RetryInfo` of 7 seconds
    hang                    take the request and answer nothing until the mode changes
    slow:0.5                answer after half a second
    drip                    answer a byte at a time, without end
    reset[:once]            break the connection; once, and take it all from then on
    garbage                 200 with a body that is no OTLP

`python -m tests.export.receiver --http 0 --grpc 0` runs one as a process and prints its ports as JSON; `GET /__log` says what
it has, `POST /__reset` forgets it. It ends with its standard input when given `--until-stdin-closes`.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import re
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Self

from .received import ReceivedRequest, answer, decoded_logs, decoded_metrics, decoded_spans, span_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from .certificates import Certificates
    from .received import ReceivedLog, ReceivedMetric, ReceivedSpan

LOOPBACK = "127.0.0.1"
DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}
SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}
GRPC_CODES = {
    "400": "INVALID_ARGUMENT",
    "401": "UNAUTHENTICATED",
    "403": "PERMISSION_DENIED",
    "404": "UNIMPLEMENTED",
    "429": "RESOURCE_EXHAUSTED",
    "500": "INTERNAL",
    "503": "UNAVAILABLE",
    "504": "DEADLINE_EXCEEDED",
}
LANGFUSE: dict[tuple[str, str], tuple[int, Any]] = {
    ("GET", "/api/public/projects"): (
        200,
        {
            "data": [
                {
                    "id": "p1",
                    "name": "project",
                    "organization": {"id": "o1", "name": "organisation"},
                    "metadata": {},
                    "retentionDays": 0,
                }
            ]
        },
    ),
    ("POST", "/api/public/scores"): (200, {"id": "s1"}),
    ("POST", "/api/public/ingestion"): (207, {"successes": [], "errors": []}),
}


@dataclass(slots=True)
class Mode:
    """What is done with a request; `over` is set when another mode takes its place."""

    text: str
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        return self.text.partition(":")[0]

    @property
    def argument(self) -> str:
        return self.text.partition(":")[2]

    @property
    def takes(self) -> bool:
        return self.name in {"ok", "partial", "slow", "garbage"}

    @property
    def rejected(self) -> int:
        return int(self.argument or 1) if self.name == "partial" else 0


class Receiver:
    """A backend on free ports while the context lasts. gRPC is served from the first look at `grpc_endpoint`.

    `stop()` and `start()` take it away and bring it back on the same ports. With `certificates` it talks TLS. With
    `keep=False` it counts spans and keeps neither them nor requests.
    """

    def __init__(
        self, *, http: int = 0, grpc: int | None = None, certificates: Certificates | None = None, keep: bool = True
    ) -> None:
        self.certificates = certificates
        self.port = http
        self.grpc_port = grpc
        self._keep = keep
        self._mode = Mode("ok")
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._grpc: Any = None
        self.reset()

    def reset(self) -> None:
        """Forget everything that came in."""
        with self._lock:
            self.requests: list[ReceivedRequest] = []
            self.spans: list[ReceivedSpan] = []
            self.metrics: list[ReceivedMetric] = []
            self.logs: list[ReceivedLog] = []
            self.span_count = 0
            self.request_count = 0
            self.connection_count = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def mode(self) -> str:
        return self._mode.text

    @mode.setter
    def mode(self, text: str) -> None:
        before, self._mode = self._mode, Mode(text)
        before.over.set()

    @property
    def endpoint(self) -> str:
        """The base address over HTTP, without a path: a value for `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http{'s' if self.certificates else ''}://{LOOPBACK}:{self.port}"

    @property
    def grpc_endpoint(self) -> str:
        """The address over gRPC; its server is started when this is first asked for."""
        if self._grpc is None:
            self._start_grpc(self.grpc_port or 0)
        return f"http{'s' if self.certificates else ''}://{LOOPBACK}:{self.grpc_port}"

    def of(self, signal: str | None) -> list[ReceivedRequest]:
        """The requests of a signal, or with None those to other endpoints."""
        return [request for request in list(self.requests) if request.signal == signal]

    def wait_for(self, condition: Callable[[Receiver], object], timeout_s: float = 20.0) -> None:
        """Return as soon as the condition holds; an AssertionError when it does not in time."""
        deadline = time.monotonic() + timeout_s
        while not condition(self):
            assert time.monotonic() < deadline, (
                f"not so after {timeout_s} s; {self.span_count} spans in {self.request_count} requests"
            )
            time.sleep(0.005)

    def start(self) -> None:
        """Serve, on the ports of before when it was stopped."""
        self._server = _Server(self, self.port)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="receiver", daemon=True).start()
        if self.grpc_port is not None:
            self._start_grpc(self.grpc_port)

    def stop(self) -> None:
        """Refuse connections from here on; those that are open are ended."""
        self._mode.over.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
            self._server = None
        if self._grpc is not None:
            self._grpc.stop(0).wait()
            self._grpc = None

    def note(self, request: ReceivedRequest, mode: Mode) -> None:
        with self._lock:
            self.request_count += 1
            if self._keep:
                self.requests.append(request)
            if not mode.takes or request.signal is None:
                return
            if not self._keep:
                self.span_count += span_count(request.body) if request.signal == "traces" else 0
            elif request.signal == "traces":
                self.spans += decoded_spans(request)
                self.span_count = len(self.spans)
            elif request.signal == "metrics":
                self.metrics += decoded_metrics(request)
            else:
                self.logs += decoded_logs(request)

    def log(self) -> dict[str, Any]:
        """Everything that came in, as `GET /__log` says it."""
        with self._lock:
            return {
                "request_count": self.request_count,
                "span_count": self.span_count,
                "requests": [request.as_json() for request in self.requests],
                "spans": [span.as_json() for span in self.spans],
                "metrics": sorted({metric.name for metric in self.metrics}),
                "logs": len(self.logs),
            }

    # --- gRPC ------------------------------------------------------------------------------------

    def _start_grpc(self, port: int) -> None:
        import grpc

        self._grpc = grpc.server(ThreadPoolExecutor(8, "receiver-grpc"), options=[("grpc.so_reuseport", 0)])
        for signal, service in SERVICES.items():
            method = grpc.unary_unary_rpc_method_handler(_unary(self, signal))  # bytes in, bytes out
            self._grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
        address = f"{LOOPBACK}:{port}"
        if self.certificates is None:
            self.grpc_port = self._grpc.add_insecure_port(address)
        else:
            self.grpc_port = self._grpc.add_secure_port(address, self.certificates.grpc())
        self._grpc.start()

    def serve(self, signal: str, body: bytes, context: Any) -> bytes:
        """One gRPC request."""
        import grpc

        mode = self._mode
        headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        self.note(ReceivedRequest("GRPC", SERVICES[signal], headers, body, mode.text, signal), mode)
        if mode.name in {"hang", "drip"}:
            mode.over.wait()
            context.abort(grpc.StatusCode.CANCELLED, "the receiver hung")
        if mode.name == "slow":
            mode.over.wait(float(mode.argument))
        if mode.name == "reset":
            context.cancel()
        if not mode.takes:
            if mode.argument:
                context.set_trailing_metadata((("google.rpc.retryinfo-bin", _retry_info(float(mode.argument))),))
            context.abort(getattr(grpc.StatusCode, GRPC_CODES.get(mode.name, mode.name), grpc.StatusCode.UNKNOWN), mode.text)
        return b"\xff\xff\xff" if mode.name == "garbage" else answer(signal, mode.rejected)


def _unary(receiver: Receiver, signal: str) -> Callable[[bytes, Any], bytes]:
    return lambda body, context: receiver.serve(signal, body, context)


def _retry_info(seconds: float) -> bytes:
    from google.protobuf.duration_pb2 import Duration
    from google.rpc.error_details_pb2 import RetryInfo

    return RetryInfo(retry_delay=Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))).SerializeToString()


class _Server(ThreadingHTTPServer):
    """The listening socket, which also knows its open connections so that `hang_up` can end them."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, receiver: Receiver, port: int) -> None:
        self.receiver = receiver
        self.connections: set[socket.socket] = set()
        super().__init__((LOOPBACK, port), _Handler)
        if receiver.certificates is not None:
            # The handshake is the handler's thread's: on this one, a client that waits would stop all others.
            context = receiver.certificates.server_context()
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's own name, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def hang_up(self) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away, or trusted us too little, is no news; anything else is told as usual."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError | ValueError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection and does what the mode says."""

    protocol_version = "HTTP/1.1"
    server_version = "receiver"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Server

    def setup(self) -> None:
        self.server.connections.add(self.request)
        self.server.receiver.connection_count += 1
        super().setup()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.server.connections.discard(self.request)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: tests read `requests`."""

    def do_GET(self) -> None:
        if self.path == "/__log":
            return self._json(200, self.server.receiver.log())
        return self._act(b"")

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self._body()
        if self.path == "/__mode":
            receiver.mode = body.decode().strip()
            return self._json(200, {"mode": receiver.mode})
        if self.path == "/__reset":
            receiver.reset()
            return self._json(200, {})
        return self._act(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        else:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return DECOMPRESS.get(self.headers.get("Content-Encoding", ""), bytes)(body)

    def _act(self, body: bytes) -> None:
        receiver = self.server.receiver
        mode = receiver._mode
        found = re.search(r"/v1/(traces|metrics|logs)$", self.path)
        signal = found[1] if found and self.command == "POST" else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.note(ReceivedRequest(self.command, self.path, headers, body, mode.text, signal), mode)
        if mode.name == "slow":
            mode.over.wait(float(mode.argument))
        if mode.name in {"hang", "drip", "reset"}:
            self.close_connection = True
            return {"hang": self._hang, "drip": self._drip, "reset": self._reset}[mode.name](mode)
        if not mode.takes:
            return self._refuse(mode)
        if signal is None:
            key = (self.command, self.path.partition("?")[0])
            return self._json(*LANGFUSE.get(key, (404, {"error": "no such endpoint"})))
        content = b"\xff\xff\xff" if mode.name == "garbage" else answer(signal, mode.rejected)
        return self._reply(200, content, {"Content-Type": "application/x-protobuf"})

    def _refuse(self, mode: Mode) -> None:
        status = int(mode.name)
        name = "Location" if 300 <= status < 400 else "Retry-After"
        self._reply(
            status,
            b'{"error": "told to"}',
            {"Content-Type": "application/json", **({name: mode.argument} if mode.argument else {})},
        )

    def _hang(self, mode: Mode) -> None:
        mode.over.wait()

    def _drip(self, mode: Mode) -> None:
        with contextlib.suppress(OSError):
            self.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Padding: ")
            while not mode.over.wait(0.02):
                self.connection.sendall(b"x")

    def _reset(self, mode: Mode) -> None:
        # Linger of 0 seconds: closing sends RST. The handler's own files hold the socket open, so they go first.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if mode.argument:
            self.server.receiver.mode = "ok"
        self.rfile.close()
        self.connection.close()

    def _json(self, status: int, content: Any) -> None:
        self._reply(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.export.receiver")
    parser.add_argument("--http", type=int, default=0, help="port; 0 picks a free one")
    parser.add_argument("--grpc", type=int, help="port; without it there is no gRPC")
    parser.add_argument("--mode", default="ok")
    parser.add_argument("--count-only", action="store_true", help="count spans, keep nothing")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when whoever started this ends")
    options = parser.parse_args()
    with Receiver(http=options.http, grpc=options.grpc, keep=not options.count_only) as receiver:
        receiver.mode = options.mode
        print(json.dumps({"http": receiver.port, "grpc": receiver.grpc_port}), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            if options.until_stdin_closes:
                sys.stdin.read()
            else:
                threading.Event().wait()


if __name__ == "__main__":
    main()
