"""Any OTLP backend, over HTTP or gRPC: the settings are OpenTelemetry's, the request and the reading of the answer are ours.

The stock exporter's only door for spans retries inside and hides the answer. What a delivery needs is one request and a word on
how it went. Sessions, channels and TLS are those of requests and grpcio, as in the stock exporter; they are imported
with the first batch, on the destination's own thread.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from fastagentic.core import names
from fastagentic.export.otlp_settings import GRPC, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import AttributeValue

    from fastagentic.export.destination import Answer, Payload
    from fastagentic.export.otlp_settings import OTLPSettings


class Transport(Protocol):
    """One request after the other to one address."""

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """Send a batch once, in at most `timeout_s`."""

    def close(self) -> None:
        """Give connections back."""


class OTLPDestination:
    """Sends spans to an OTLP backend.

    `endpoint` is the whole address; where it has no path it gets `/v1/traces`. What is not given is read from the environment,
    as OpenTelemetry's own exporter reads it; with `endpoint` and `headers` given nothing is. `timeout_s` bounds one
    request, in total. `certificate`, `client_certificate` and `client_key` are paths of PEM files. With `only_ours` only spans
    that fastagentic made are sent, and none of other instrumentations on the same provider.

    Raises: ConfigError for a setting that cannot be used.

    Example:
        >>> OTLPDestination("http://collector:4318", name="grafana", headers={"authorization": "Bearer ..."}).endpoint
        'http://collector:4318/v1/traces'
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        name: str = "otlp",
        protocol: str | None = None,
        headers: Mapping[str, str] | None = None,
        compression: str | None = None,
        timeout_s: float | None = None,
        certificate: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
        only_ours: bool = False,
    ) -> None:
        self._settings = read_settings(
            endpoint=endpoint,
            protocol=protocol,
            headers=headers,
            compression=compression,
            timeout_s=timeout_s,
            certificate=certificate,
            client_certificate=client_certificate,
            client_key=client_key,
        )
        self.name = name
        self.endpoint = self._settings.address
        self._only_ours = only_ours
        self._transport: Transport | None = None
        self._pid = 0

    def wants(self, span: ReadableSpan) -> bool:
        """Sampled spans; with `only_ours` those of our scope."""
        scope = span.instrumentation_scope
        is_ours = scope is not None and scope.name == names.SCOPE
        return span.context.trace_flags.sampled and (is_ours or not self._only_ours)

    def dress(self, span: ReadableSpan) -> Mapping[str, AttributeValue] | None:
        """Nothing: what every backend gets is all there is."""
        return None

    def send(self, payload: Payload, timeout_s: float) -> Answer:
        """Send a batch once; in at most `timeout_s` seconds, or fewer where the settings say so."""
        if self._transport is None or self._pid != os.getpid():  # a forked child's connections are its parent's
            self._transport = _connect(self._settings)
            self._pid = os.getpid()
        return self._transport.send(payload.body, min(timeout_s, self._settings.timeout_s))

    def close(self) -> None:
        """Give connections back. The next `send` opens others."""
        if self._transport is not None and self._pid == os.getpid():
            self._transport.close()
        self._transport = None


def _connect(settings: OTLPSettings) -> Transport:
    if settings.protocol == GRPC:
        from ._grpc import GRPCTransport

        return GRPCTransport(settings)
    from ._http import HTTPTransport

    return HTTPTransport(settings)
