"""The settings of OTLP as `opentelemetry-exporter-otlp` reads them, read here so that a bad one is told before anything starts.

`OTEL_EXPORTER_OTLP_TRACES_<NAME>` (or `_METRICS_`, `_LOGS_`) beats `OTEL_EXPORTER_OTLP_<NAME>`; an empty variable is none.
Imports no exporter: that costs more than the rest of a start together. Tests hold it to what the stock exporter sends.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry.util.re import parse_env_headers

from fastagentic.core.errors import ConfigError

from .quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping

HTTP: Final = "http/protobuf"
GRPC: Final = "grpc"
COMPRESSIONS: Final = {HTTP: ("none", "gzip", "deflate"), GRPC: ("none", "gzip")}
DEFAULT_ENDPOINTS: Final = {HTTP: "http://localhost:4318", GRPC: "http://localhost:4317"}
DEFAULT_TIMEOUT_S: Final = 10.0
TRACES_PATH: Final = "/v1/traces"
ARGUMENT: Final = "argument"
CREDENTIAL_PROVIDERS: Final = "opentelemetry_otlp_credential_provider"


@dataclass(slots=True, frozen=True)
class OTLPSettings:
    """Where spans go by OTLP, and how."""

    protocol: str
    url: str = field(repr=False)
    """Over HTTP what requests are posted to; over gRPC the target, with a scheme or without. May hold a password."""
    address: str
    """The same without user, password and query: what may be shown."""
    headers: Mapping[str, str] = field(repr=False)
    compression: str
    timeout_s: float
    certificate: str | None
    """Path of the authorities to trust instead of the system's."""
    client_certificate: str | None
    client_key: str | None
    is_insecure: bool
    """gRPC without TLS; over HTTP the URL says it."""
    credential_provider: str | None
    """Name of an entry point `opentelemetry_otlp_credential_provider`, which makes a session or channel credentials."""


def read_settings(
    *,
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
    compression: str | None = None,
    timeout_s: float | None = None,
    certificate: str | None = None,
    client_certificate: str | None = None,
    client_key: str | None = None,
) -> OTLPSettings:
    """The settings for spans: arguments, then the environment, then the defaults.

    With `endpoint` and `headers` given this is a backend of its own: keys, certificates and all else that the environment has
    for another one stay away from it. Raises: ConfigError for a protocol, compression, endpoint, timeout, list of headers
    or file that cannot be used.
    """
    environ = {} if endpoint is not None and headers is not None else os.environ
    spoken = read_protocol("TRACES", protocol, environ)
    url = _url(spoken, *_setting("ENDPOINT", endpoint, environ))
    return OTLPSettings(
        protocol=spoken,
        url=url,
        address=_shown(url),
        headers=_headers(headers, *_setting("HEADERS", None, environ)),
        compression=_one_of(COMPRESSIONS[spoken], "compression", *_setting("COMPRESSION", compression, environ)) or "none",
        timeout_s=_timeout(*_setting("TIMEOUT", None if timeout_s is None else str(timeout_s), environ)),
        certificate=_file("certificate", *_setting("CERTIFICATE", certificate, environ)),
        client_certificate=_file("client certificate", *_setting("CLIENT_CERTIFICATE", client_certificate, environ)),
        client_key=_file("client key", *_setting("CLIENT_KEY", client_key, environ)),
        is_insecure=_is_insecure(url, _setting("INSECURE", None, environ)[0]),
        credential_provider=_credential_provider(spoken, environ),
    )


def read_protocol(signal: str, argument: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """`http/protobuf` or `grpc`, for `TRACES`, `METRICS` or `LOGS`. Raises ConfigError for any other."""
    environ = os.environ if environ is None else environ
    return _one_of(tuple(COMPRESSIONS), "protocol", *_setting("PROTOCOL", argument, environ, signal)) or HTTP


def _setting(name: str, argument: str | None, environ: Mapping[str, str], signal: str = "TRACES") -> tuple[str | None, str]:
    """The value of a setting, None when nobody gave one, and where it came from."""
    if argument is not None:
        return argument, ARGUMENT
    for variable in (f"OTEL_EXPORTER_OTLP_{signal}_{name}", f"OTEL_EXPORTER_OTLP_{name}"):
        value = environ.get(variable, "").strip()
        if value:
            return value, variable
    return None, ""


def _one_of(accepted: tuple[str, ...], called: str, value: str | None, source: str) -> str | None:
    word = None if value is None else value.strip().lower()
    if word is not None and word not in accepted:
        raise ConfigError.of(called, value, " or ".join(accepted), source=source)
    return word


def _url(protocol: str, value: str | None, source: str) -> str:
    url = DEFAULT_ENDPOINTS[protocol] if value is None else value
    if not _is_address(url, protocol):
        accepted = f"an address with its scheme, such as {DEFAULT_ENDPOINTS[protocol]}"
        raise ConfigError.of("endpoint", _shown(url), accepted, source=source)
    if protocol == GRPC or source.endswith("_TRACES_ENDPOINT"):
        return url
    if source != ARGUMENT:
        return f"{url.removesuffix('/')}{TRACES_PATH}"
    # The whole address, as the stock exporter takes it; but nobody receives spans at the root.
    parts = urlsplit(url)
    return url if parts.path.strip("/") else parts._replace(path=TRACES_PATH).geturl()


def _is_address(url: str, protocol: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for a port that is no number
    except ValueError:
        return False
    if parts.scheme in {"http", "https"}:
        return bool(parts.hostname)
    # gRPC knows targets without a scheme (`collector:4317`) and with others (`unix:`, `dns:///`).
    return protocol == GRPC and bool(parts.path) and not parts.netloc


def _shown(url: str) -> str:
    """An address without user, password, query and fragment.

    Example:
        >>> _shown("https://user:secret@collector:4318/v1/traces?token=secret")
        'https://collector:4318/v1/traces'
    """
    head, separator, rest = url.rpartition("://")
    authority, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    return f"{head}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def _headers(argument: Mapping[str, str] | None, text: str | None, source: str) -> dict[str, str]:
    """Names in lower case. Headers that were given replace those of the environment, which may be another backend's keys."""
    if argument is not None:
        return {name.lower(): value for name, value in argument.items()}
    headers: dict[str, str] = {}
    for number, entry in enumerate((text or "").split(","), start=1):
        with quiet("opentelemetry.util.re"):  # it would log the entry, which may be a key
            found = parse_env_headers(entry, liberal=True)
        if entry.strip() and not found:
            accepted = "name=value, URL-encoded, with commas between"
            raise ConfigError(f"headers ({source}): entry {number} cannot be read; it takes {accepted}")
        headers.update(found)
    return headers


def _timeout(text: str | None, source: str) -> float:
    try:
        seconds = float(text or DEFAULT_TIMEOUT_S)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError.of("timeout", text, "a number of seconds above 0", source=source)
    return seconds


def _file(called: str, path: str | None, source: str) -> str | None:
    if path is not None and not Path(path).is_file():
        raise ConfigError.of(called, path, "the path of a PEM file", source=source)
    return path


def _is_insecure(url: str, said: str | None) -> bool:
    scheme = urlsplit(url).scheme
    if scheme == "https":
        return False
    return scheme == "http" if said is None else said.lower() == "true"


def _credential_provider(protocol: str, environ: Mapping[str, str]) -> str | None:
    prefix = f"OTEL_PYTHON_EXPORTER_OTLP_{'GRPC' if protocol == GRPC else 'HTTP'}"
    for variable in (f"{prefix}_CREDENTIAL_PROVIDER", f"{prefix}_TRACES_CREDENTIAL_PROVIDER"):
        name = environ.get(variable)
        if name and not entry_points(group=CREDENTIAL_PROVIDERS, name=name):
            accepted = f"the name of an installed entry point in the group {CREDENTIAL_PROVIDERS}"
            raise ConfigError.of("credential provider", name, accepted, source=variable)
        if name:
            return name
    return None
