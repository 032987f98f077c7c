"""Variables of others that we honour: what OpenTelemetry's and Langfuse's own say, and which destinations follow from them.

Pure: every function is handed the environment. The table is what `docs/settings.md` and `fastagentic status --config` show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

CAPTURE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CAPTURE_MODES: Final = {
    "span_only": True, "span_and_event": True, "true": True, "event_only": False, "no_content": False, "false": False,
}  # fmt: skip
"""The conventions' modes: whether content is to be on spans."""
EVENT_MODES: Final = ("event_only", "span_and_event")

EXPORTERS: Final = {"otlp": "otlp", "console": "console", "none": None}
"""`OTEL_TRACES_EXPORTER` -> our destination."""
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SIGNALS: Final = ("", "TRACES_", "METRICS_", "LOGS_")


@dataclass(slots=True, frozen=True)
class Honoured:
    """A variable that is not ours: what it does, and who reads it. `per_signal`: `..._OTLP_TRACES_...` and its like too."""

    name: str
    what: str
    read_by: str
    is_secret: bool = False
    per_signal: bool = False

    @property
    def spellings(self) -> tuple[str, ...]:
        """The variable, and its forms for one signal."""
        if not self.per_signal:
            return (self.name,)
        return tuple(self.name.replace("_OTLP_", f"_OTLP_{signal}") for signal in SIGNALS)


HONOURED: Final = tuple(
    Honoured(*row)
    for row in (
        ("OTEL_SDK_DISABLED", "`true`: no spans, metrics or store; hooks and gateways work on", "us, SDK"),
        ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "a list; with `fastagentic` or `*` in it `instrument()` does nothing", "us"),
        ("OTEL_SERVICE_NAME", "`service.name`; beats `service_name` wherever that is said", "SDK"),
        ("OTEL_RESOURCE_ATTRIBUTES", "further attributes of the resource; a `service.name` among them beats ours too", "SDK"),
        ("OTEL_TRACES_SAMPLER", "what leaves the process; metrics and the local store see every call", "us, SDK"),
        ("OTEL_TRACES_SAMPLER_ARG", "its argument, such as the share of a ratio sampler", "us, SDK"),
        ("OTEL_TRACES_EXPORTER", "a list of `otlp`, `console`, `none`: the destinations when none is named", "us"),
        ("OTEL_CONFIG_FILE", "OpenTelemetry is configured by that file: no destination is taken from the environment", "us"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "where `otlp` sends; set, it makes `otlp` a destination", "us", False, True),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "`http/protobuf` or `grpc`", "us", False, True),
        ("OTEL_EXPORTER_OTLP_HEADERS", "headers of every request, keys among them", "us", True, True),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "`gzip`, `deflate` or `none`", "us", False, True),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "seconds that one request may take", "us", False, True),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "path of the authorities to trust", "us", False, True),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "path of our certificate", "us", False, True),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "path of its key", "us", False, True),
        ("OTEL_EXPORTER_OTLP_INSECURE", "`true`: gRPC without TLS", "us", False, True),
        ("OTEL_METRICS_EXPORTER", "a list without `otlp`, such as `none`: metrics stay here", "us"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "milliseconds between exports of metrics", "us, SDK"),
        ("OTEL_LOGS_EXPORTER", "a list without `otlp`, such as `none`: events stay here", "us"),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "`SPAN_ONLY`, `SPAN_AND_EVENT`: as `capture_content`", "us"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "longest text of an attribute", "SDK"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "most attributes of a span", "SDK"),
        ("OTEL_PYTHON_ID_GENERATOR", "`fastagentic`: run ids are trace ids on that configurator's provider", "configurator"),
        ("LANGFUSE_PUBLIC_KEY", "with the secret key: makes `langfuse` a destination", "us", True),
        ("LANGFUSE_SECRET_KEY", "the other half of the key", "us", True),
        ("LANGFUSE_BASE_URL", "a Langfuse of your own; its cloud when unset", "us"),
        ("LANGFUSE_HOST", "the older name of the same", "us"),
        ("LANGFUSE_TRACING_ENABLED", "`false`: nothing goes to Langfuse", "us"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "Langfuse's environment of each trace", "us"),
        ("LANGFUSE_RELEASE", "Langfuse's release of each trace", "us"),
        ("LANGFUSE_SAMPLE_RATE", "share of traces that go to Langfuse", "us"),
        ("LANGFUSE_TIMEOUT", "seconds that one request to Langfuse may take", "us"),
        ("LANGFUSE_OTEL_TRACES_EXPORT_PATH", "path of Langfuse's endpoint for spans", "us"),
    )
)  # fmt: skip


class Chosen(NamedTuple):
    """Destinations that follow from variables of others, and the variables that say so; no source: nobody did."""

    names: tuple[str, ...]
    source: str


LOCAL: Final = Chosen(("local",), "")


def is_disabled(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's own variables switch our telemetry off, alone or with everything else."""
    return is_without_telemetry(environ) or is_left_out(environ)


def is_without_telemetry(environ: Mapping[str, str]) -> bool:
    """Whether nothing is to be told of calls: neither spans nor metrics, by whomever."""
    return _word(environ, "OTEL_SDK_DISABLED") == "true"


def is_left_out(environ: Mapping[str, str]) -> bool:
    """Whether we are an instrumentation that is not to be put on."""
    skipped = {name.strip() for name in environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")}
    return bool(skipped & {"fastagentic", "*"})


def chosen_destinations(environ: Mapping[str, str], *, is_ours: bool = True) -> Chosen:
    """Where spans go when no destination is named.

    `OTEL_TRACES_EXPORTER` says, else an OTLP endpoint; keys of Langfuse add Langfuse; nothing of it is `local`.
    With `OTEL_CONFIG_FILE` OpenTelemetry's configuration stands there, and ours is `local`.

    On a provider of the user's own (`is_ours=False`) an OTLP endpoint is where the user's own exporter sends: ours beside it
    would send every span twice, so nothing is added for it. `OTEL_TRACES_EXPORTER` alone says nothing there:
    `opentelemetry-instrument` sets it for everybody.

    Example:
        >>> chosen_destinations({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}).names
        ('otlp',)
    """
    if environ.get("OTEL_CONFIG_FILE", "").strip():
        return LOCAL
    asked = _exporters(environ)
    is_users = not is_ours and "otlp" in asked.names and any(environ.get(name, "").strip() for name in ENDPOINTS)
    found = [asked] if is_ours else []
    if _has_langfuse(environ):
        found.append(Chosen(("langfuse",), "LANGFUSE_PUBLIC_KEY"))
    names = tuple(name for one in found for name in one.names)
    if not names:
        return Chosen((), asked.source) if is_users else LOCAL
    return Chosen(names, ", ".join(one.source for one in found if one.names))


def _exporters(environ: Mapping[str, str]) -> Chosen:
    listed = _word(environ, "OTEL_TRACES_EXPORTER")
    if listed:
        names = (name.strip() for name in listed.split(","))
        ours = dict.fromkeys(EXPORTERS[name] for name in names if name in EXPORTERS)
        return Chosen(tuple(name for name in ours if name), "OTEL_TRACES_EXPORTER")
    endpoint = next((name for name in ENDPOINTS if environ.get(name, "").strip()), None)
    return Chosen(() if endpoint is None else ("otlp",), endpoint or "")


def _has_langfuse(environ: Mapping[str, str]) -> bool:
    has_keys = all(environ.get(name, "").strip() for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"))
    return has_keys and _word(environ, "LANGFUSE_TRACING_ENABLED") not in ("false", "0")


def unknown_exporters(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The names in `OTEL_TRACES_EXPORTER` that are no destination of ours, such as `zipkin`."""
    listed = _word(environ, "OTEL_TRACES_EXPORTER")
    return tuple(name.strip() for name in listed.split(",") if name.strip() and name.strip() not in EXPORTERS)


def captures_content(environ: Mapping[str, str]) -> tuple[bool, str] | None:
    """What the conventions' variable for all instrumentations says of content on spans; None when it says nothing."""
    mode = CAPTURE_MODES.get(_word(environ, CAPTURE))
    return None if mode is None else (mode, CAPTURE)


def captures_events(environ: Mapping[str, str]) -> bool:
    """Whether the conventions' variable asks for content in events of its own."""
    return _word(environ, CAPTURE) in EVENT_MODES


def service_name(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The service's name where OpenTelemetry's own variables give it."""
    if name := environ.get("OTEL_SERVICE_NAME", "").strip():
        return name, "OTEL_SERVICE_NAME"
    for pair in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, _, value = pair.partition("=")
        if key.strip() == "service.name" and value.strip():
            return unquote(value.strip()), "OTEL_RESOURCE_ATTRIBUTES"
    return None


def _word(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip().lower()
