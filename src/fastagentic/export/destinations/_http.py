"""OTLP over HTTP: one POST with requests, bounded in time whatever the other side does."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
import weakref
import zlib
from functools import partial
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError

from fastagentic._version import __version__
from fastagentic.export.destination import Later
from fastagentic.export.otlp_settings import CREDENTIAL_PROVIDERS
from fastagentic.export.quiet import unobserved

from ._answers import OF_PROTOCOL, answer_of_status, failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.export.destination import Answer
    from fastagentic.export.otlp_settings import OTLPSettings

    AnswerOf = Callable[[int, bytes, str | None], Answer]

LEVEL: Final = 1
"""Of compression: spans are much alike, and the default, 9 with gzip, takes three times the CPU for a twentieth fewer bytes."""
COMPRESS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "none": bytes,
    "gzip": partial(gzip.compress, compresslevel=LEVEL),
    "deflate": partial(zlib.compress, level=LEVEL),
}
MAX_ANSWER: Final = 1 << 16
"""Bytes of an answer that are read; a proxy's page about its failure may be longer."""


class HTTPTransport:
    """A session with one address. One request at a time: `send` is called on the destination's own thread."""

    def __init__(self, settings: OTLPSettings, answer_of: AnswerOf = answer_of_status) -> None:
        encoding = {} if settings.compression == "none" else {"content-encoding": settings.compression}
        self._headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"fastagentic/{__version__}",
            **encoding,
            **settings.headers,
        }
        self._url = settings.url
        self._auth = _as_it_is if "authorization" in self._headers else None
        self._answer_of = answer_of
        self._compress = COMPRESS[settings.compression]
        # With each request and not on the session, where REQUESTS_CA_BUNDLE would win over it.
        self._tls: dict[str, Any] = {"verify": settings.certificate or True, "cert": _client_of(settings)}
        self._connections = weakref.WeakSet[Any]()
        self._session = _session(settings, self._connections)
        # A session of the user's may renew its credentials with each request: those are made from scratch.
        self._prepared = self._prepare() if settings.credential_provider is None else None
        self._is_warm = False

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """POST a batch. The answer comes within `timeout_s`, name look-up, handshake and a server that drips included."""
        answers: list[Answer] = []
        data = self._compress(body)
        # The timeout of requests is that of a single read: a byte a second keeps it waiting for ever. So somebody else waits.
        thread = threading.Thread(
            target=lambda: answers.append(self._post(data, timeout_s)), name="fastagentic-post", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down: no new threads
            return self._post(data, timeout_s)
        thread.join(timeout_s)
        if answers:
            return answers[0]
        self._cut()
        return Later("timeout")

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _post(self, data: bytes, timeout_s: float) -> Answer:
        deadline = time.monotonic() + timeout_s
        was_warm, self._is_warm = self._is_warm, False
        try:
            answer = self._once(data, timeout_s)
        except Exception as error:  # noqa: BLE001  # an answer too: what failed, in a word
            kind = failure(error)
            left_s = deadline - time.monotonic()
            # A connection that was kept open and that the other side has closed meanwhile is no failure of theirs.
            if kind == "reset" and was_warm and left_s > 0:
                return self._post(data, left_s)
            return Later(kind, hint=OF_PROTOCOL if kind == "reset" else "")
        self._is_warm = True
        return answer

    def _once(self, data: bytes, timeout_s: float) -> Answer:
        with unobserved(), self._request(data, timeout_s) as response:
            try:
                body = response.raw.read(MAX_ANSWER, decode_content=True)
            except DecodeError:
                body = b""
            return self._answer_of(response.status_code, body, response.headers.get("retry-after"))

    def _prepare(self) -> tuple[requests.PreparedRequest, dict[str, Any]]:
        """The request but for its body, and what the environment says of proxies and certificates: half of what one costs."""
        request = requests.Request("POST", self._url, headers=self._headers, auth=self._auth)
        settings = self._session.merge_environment_settings(self._url, {}, True, self._tls["verify"], self._tls["cert"])
        return self._session.prepare_request(request), dict(settings)

    def _request(self, data: bytes, timeout_s: float) -> requests.Response:
        how: dict[str, Any] = {"timeout": timeout_s, "allow_redirects": False}
        if self._prepared is None:
            how |= {**self._tls, "stream": True, "auth": self._auth}
            return self._session.post(self._url, data=data, headers=self._headers, **how)
        prepared, settings = self._prepared
        request = prepared.copy()
        request.prepare_body(data, None)
        return self._session.send(request, **{**settings, **how})

    def _cut(self) -> None:
        """End what is under way: the thread that waits for it gets an error and ends too."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError, AttributeError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)  # of TLS too: its own would wait for the other side


class _Adapter(HTTPAdapter):
    """Notes the connections that are opened."""

    def __init__(self, connections: weakref.WeakSet[Any]) -> None:
        self._pools = _noting_pools(connections)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _noting_pools(connections: weakref.WeakSet[Any]) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, which note each connection they make."""

    class Noting:
        def _new_conn(self) -> Any:
            connection = super()._new_conn()  # type: ignore[misc]
            connections.add(connection)
            return connection

    class Plain(Noting, HTTPConnectionPool):
        pass

    class Encrypted(Noting, HTTPSConnectionPool):
        pass

    return {"http": Plain, "https": Encrypted}


def _session(settings: OTLPSettings, connections: weakref.WeakSet[Any]) -> requests.Session:
    """A session; the user's own where the settings name an entry point that makes one."""
    if settings.credential_provider is not None:
        (entry_point,) = entry_points(group=CREDENTIAL_PROVIDERS, name=settings.credential_provider)
        made: requests.Session = entry_point.load()()
        return made
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(connections))
    return session


def _client_of(settings: OTLPSettings) -> str | tuple[str, str] | None:
    if settings.client_certificate and settings.client_key:
        return settings.client_certificate, settings.client_key
    return settings.client_certificate


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authentication that adds nothing: without one, requests lets a `.netrc` take the place of our header."""
    return request
