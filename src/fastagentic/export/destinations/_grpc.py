"""OTLP over gRPC: one call with bytes in and bytes out; the deadline is gRPC's own, and it is total."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]

from fastagentic._version import __version__
from fastagentic.export.destination import Later, Malformed
from fastagentic.export.otlp_settings import CREDENTIAL_PROVIDERS
from fastagentic.export.quiet import unobserved

from ._answers import OF_HEADERS, OF_PROTOCOL, answer_of_body, retry_delay

if TYPE_CHECKING:
    from fastagentic.export.destination import Answer
    from fastagentic.export.otlp_settings import OTLPSettings

METHOD: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
OPTIONS: Final = (("grpc.primary_user_agent", f"fastagentic/{__version__}"),)

KINDS: Final = {"DEADLINE_EXCEEDED": "timeout"}
"""The word for a status, where its name in lower case is not the best one."""
UNAVAILABLE: Final = (
    ("refused", "refused"), ("resol", "dns"), ("dns", "dns"), ("handshake", "tls"), ("certificate", "tls"), ("ssl", "tls"),
)  # fmt: skip
"""What stands in the details of UNAVAILABLE, and the word for it."""
HINTS: Final = {"UNAUTHENTICATED": OF_HEADERS, "PERMISSION_DENIED": OF_HEADERS, "UNIMPLEMENTED": OF_PROTOCOL}


class GRPCTransport:
    """A channel to one address."""

    def __init__(self, settings: OTLPSettings) -> None:
        self._settings = settings
        self._metadata = tuple(settings.headers.items())
        self._open()

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """Export a batch."""
        try:
            with unobserved():
                return answer_of_body(self._export(body, metadata=self._metadata, timeout=timeout_s))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                # A channel waits longer and longer before it connects again; when to try again is the delivery's business.
                self.close()
                self._open()
            return answer_of(error)

    def close(self) -> None:
        """Give the connection back."""
        self._channel.close()

    def _open(self) -> None:
        target = _target(self._settings.url)
        compression = grpc.Compression.Gzip if self._settings.compression == "gzip" else grpc.Compression.NoCompression
        if self._settings.is_insecure:
            self._channel = grpc.insecure_channel(target, OPTIONS, compression)
        else:
            self._channel = grpc.secure_channel(target, _credentials(self._settings), OPTIONS, compression)
        self._export = self._channel.unary_unary(METHOD)


def answer_of(error: Any) -> Answer:
    """What a gRPC status means."""
    code, details = error.code().name, (error.details() or "").lower()
    if code == "INVALID_ARGUMENT":
        return Malformed("invalid argument")
    if code == "RESOURCE_EXHAUSTED" and "larger than max" in details:
        return Malformed("too large")
    kind = KINDS.get(code, code.lower().replace("_", " "))
    if code == "UNAVAILABLE":
        kind = next((word for part, word in UNAVAILABLE if part in details), kind)
    return Later(kind, _retry_after(error), HINTS.get(code, ""))


def _retry_after(error: Any) -> float | None:
    for key, value in error.trailing_metadata() or ():
        if key == "google.rpc.retryinfo-bin":
            return retry_delay(value)
    return None


def _target(url: str) -> str:
    """What gRPC calls an address: host and port without `http://`; anything else as it is."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] if parts.netloc else url


def _credentials(settings: OTLPSettings) -> Any:
    if settings.credential_provider is not None:
        (entry_point,) = entry_points(group=CREDENTIAL_PROVIDERS, name=settings.credential_provider)
        return entry_point.load()()
    paths = (settings.certificate, settings.client_key, settings.client_certificate)
    return grpc.ssl_channel_credentials(*(None if path is None else Path(path).read_bytes() for path in paths))
