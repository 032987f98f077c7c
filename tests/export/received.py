"""What a backend would have: OTLP requests decoded into plain values, for tests to compare."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REQUESTS: dict[str, Any] = {
    "traces": traces.ExportTraceServiceRequest,
    "metrics": metrics.ExportMetricsServiceRequest,
    "logs": logs.ExportLogsServiceRequest,
}
RESPONSES: dict[str, Any] = {
    "traces": traces.ExportTraceServiceResponse,
    "metrics": metrics.ExportMetricsServiceResponse,
    "logs": logs.ExportLogsServiceResponse,
}
REJECTED = {"traces": "rejected_spans", "metrics": "rejected_data_points", "logs": "rejected_log_records"}


@dataclass(slots=True, frozen=True)
class ReceivedRequest:
    """One request as it came in, whatever it was answered. Names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    """Decompressed; an OTLP message, or what another endpoint was sent."""
    mode: str
    signal: str | None
    """`traces`, `metrics`, `logs`, or None for any other endpoint."""

    def as_json(self) -> dict[str, Any]:
        text = len(self.body) if self.signal else self.body.decode(errors="replace")
        return {**asdict(self), "body": text}


@dataclass(slots=True, frozen=True)
class ReceivedSpan:
    """One span of an accepted request; ids in hex, times in nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    parent_span_id: str
    kind: int
    flags: int
    started_ns: int
    ended_ns: int
    status: tuple[int, str]
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    links: list[tuple[str, str, dict[str, Any]]]
    scope: str
    scope_version: str
    scope_attributes: dict[str, Any]
    resource: dict[str, Any]
    schema_urls: tuple[str, str]
    """Of the resource, of the scope."""
    path: str
    headers: dict[str, str] = field(repr=False)
    message: Any = field(repr=False, compare=False)
    """The protobuf message itself."""

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "message"}


@dataclass(slots=True, frozen=True)
class ReceivedMetric:
    """One metric of an accepted request: its protobuf message, and what it came under."""

    name: str
    unit: str
    scope: str
    resource: dict[str, Any]
    message: Any = field(repr=False)


@dataclass(slots=True, frozen=True)
class ReceivedLog:
    """One log record of an accepted request."""

    event_name: str
    body: Any
    attributes: dict[str, Any]
    trace_id: str
    span_id: str
    scope: str
    resource: dict[str, Any]


def decoded_spans(request: ReceivedRequest) -> Iterator[ReceivedSpan]:
    for of_resource in REQUESTS["traces"].FromString(request.body).resource_spans:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield ReceivedSpan(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_span_id=span.parent_span_id.hex(),
                    kind=span.kind,
                    flags=span.flags,
                    started_ns=span.start_time_unix_nano,
                    ended_ns=span.end_time_unix_nano,
                    status=(span.status.code, span.status.message),
                    attributes=attributes(span.attributes),
                    events=[(event.name, attributes(event.attributes)) for event in span.events],
                    links=[(link.trace_id.hex(), link.span_id.hex(), attributes(link.attributes)) for link in span.links],
                    scope=of_scope.scope.name,
                    scope_version=of_scope.scope.version,
                    scope_attributes=attributes(of_scope.scope.attributes),
                    resource=resource,
                    schema_urls=(of_resource.schema_url, of_scope.schema_url),
                    path=request.path,
                    headers=request.headers,
                    message=span,
                )


def decoded_metrics(request: ReceivedRequest) -> Iterator[ReceivedMetric]:
    for of_resource in REQUESTS["metrics"].FromString(request.body).resource_metrics:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                yield ReceivedMetric(metric.name, metric.unit, of_scope.scope.name, resource, metric)


def decoded_logs(request: ReceivedRequest) -> Iterator[ReceivedLog]:
    for of_resource in REQUESTS["logs"].FromString(request.body).resource_logs:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_logs:
            for log in of_scope.log_records:
                yield ReceivedLog(
                    event_name=log.event_name,
                    body=value(log.body),
                    attributes=attributes(log.attributes),
                    trace_id=log.trace_id.hex(),
                    span_id=log.span_id.hex(),
                    scope=of_scope.scope.name,
                    resource=resource,
                )


def span_count(body: bytes) -> int:
    request = REQUESTS["traces"].FromString(body)
    return sum(len(of_scope.spans) for of_resource in request.resource_spans for of_scope in of_resource.scope_spans)


def answer(signal: str, rejected: int) -> bytes:
    """The body of an answer that takes all but `rejected` of what was sent."""
    response = RESPONSES[signal]()
    if rejected:
        setattr(response.partial_success, REJECTED[signal], rejected)
        response.partial_success.error_message = f"{rejected} rejected"
    return response.SerializeToString()  # type: ignore[no-any-return]


def attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: value(pair.value) for pair in pairs}


def value(any_value: Any) -> Any:
    kind = any_value.WhichOneof("value")
    if kind is None:
        return None
    content = getattr(any_value, kind)
    if kind == "array_value":
        return [value(one) for one in content.values]
    return attributes(content.values) if kind == "kvlist_value" else content
