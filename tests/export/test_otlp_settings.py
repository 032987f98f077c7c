"""The OTLP destination reads OpenTelemetry's settings as OpenTelemetry's exporter does, which sends beside it here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as StockGRPC
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as StockHTTP
from opentelemetry.sdk.trace.export import SpanExportResult

from fastagentic.core.errors import ConfigError
from fastagentic.export.destination import Accepted, Later, Payload
from fastagentic.export.destinations.otlp import OTLPDestination
from fastagentic.export.otlp_settings import GRPC, HTTP, read_settings

from .certificates import make_certificates
from .receiver import Receiver
from .test_otlp import IN_TIME_S, ended_span

if TYPE_CHECKING:
    from pathlib import Path

    from .received import ReceivedRequest

OTLP = "OTEL_EXPORTER_OTLP"
BATCH = Payload(b"", 0)
STOCK: dict[str, Any] = {HTTP: StockHTTP, GRPC: StockGRPC}
PLUMBING = {"user-agent", "content-length", "accept-encoding", "connection", "accept", "grpc-accept-encoding", "host"}

AS_THE_STOCK_EXPORTER: dict[str, dict[str, str]] = {
    "a base address": {f"{OTLP}_ENDPOINT": "{endpoint}"},
    "a base address with a slash": {f"{OTLP}_ENDPOINT": "{endpoint}/"},
    "a base address with a path": {f"{OTLP}_ENDPOINT": "{endpoint}/tenant/7"},
    "an address for traces, taken as it is": {f"{OTLP}_TRACES_ENDPOINT": "{endpoint}/v1/traces"},
    "the address for traces wins": {
        f"{OTLP}_ENDPOINT": "http://127.0.0.1:1",
        f"{OTLP}_TRACES_ENDPOINT": "{endpoint}/a/v1/traces",
    },
    "headers": {f"{OTLP}_ENDPOINT": "{endpoint}", f"{OTLP}_HEADERS": "x-team=checkout,api-key=k1"},
    "headers, encoded": {f"{OTLP}_ENDPOINT": "{endpoint}", f"{OTLP}_HEADERS": "Authorization=Basic%20YTpi, x-b = c%2Cd "},
    "headers, not encoded": {f"{OTLP}_ENDPOINT": "{endpoint}", f"{OTLP}_HEADERS": "authorization=Bearer a=b=="},
    "headers for traces win": {f"{OTLP}_ENDPOINT": "{endpoint}", f"{OTLP}_HEADERS": "a=1,b=2", f"{OTLP}_TRACES_HEADERS": "a=3"},
    "gzip": {f"{OTLP}_ENDPOINT": "{endpoint}", f"{OTLP}_COMPRESSION": "gzip"},
    "GZIP for traces": {f"{OTLP}_ENDPOINT": "{endpoint}", f"{OTLP}_TRACES_COMPRESSION": "GZIP"},
}
OVER_HTTP_ALONE: dict[str, dict[str, str]] = {
    "deflate": {f"{OTLP}_ENDPOINT": "{endpoint}", f"{OTLP}_COMPRESSION": "deflate"},
    "none": {f"{OTLP}_ENDPOINT": "{endpoint}", f"{OTLP}_COMPRESSION": "gzip", f"{OTLP}_TRACES_COMPRESSION": "none"},
    "a user's own user agent": {f"{OTLP}_ENDPOINT": "{endpoint}", f"{OTLP}_HEADERS": "content-type=application/x-own"},
}
OVER_GRPC_ALONE: dict[str, dict[str, str]] = {
    "without a scheme": {f"{OTLP}_ENDPOINT": "{target}", f"{OTLP}_INSECURE": "true"},
    "without a scheme, for traces": {f"{OTLP}_TRACES_ENDPOINT": "{target}", f"{OTLP}_TRACES_INSECURE": "True"},
}
ROWS = [
    *((HTTP, row) for row in (AS_THE_STOCK_EXPORTER | OVER_HTTP_ALONE).items()),
    *((GRPC, row) for row in (AS_THE_STOCK_EXPORTER | OVER_GRPC_ALONE).items()),
]


def what_arrived(request: ReceivedRequest) -> tuple[str, dict[str, str]]:
    return request.path, {name: value for name, value in request.headers.items() if name not in PLUMBING}


@pytest.mark.parametrize(("protocol", "row"), ROWS, ids=[f"{protocol}: {row[0]}" for protocol, row in ROWS])
def test_a_setting_is_read_as_the_stock_exporter_reads_it(
    protocol: str, row: tuple[str, dict[str, str]], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = receiver.endpoint if protocol == HTTP else receiver.grpc_endpoint
    for variable, value in row[1].items():
        monkeypatch.setenv(variable, value.format(endpoint=endpoint, target=endpoint.removeprefix("http://")))
    monkeypatch.setenv(f"{OTLP}_PROTOCOL", protocol)

    stock = STOCK[protocol]()
    assert stock.export([ended_span()]) is SpanExportResult.SUCCESS
    stock.shutdown()
    destination = OTLPDestination()
    assert destination.send(BATCH, IN_TIME_S) == Accepted()
    destination.close()

    theirs, ours = receiver.requests
    assert what_arrived(ours) == what_arrived(theirs)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the specification says; the oldest exporters that are allowed here did not."""
    monkeypatch.setenv(f"{OTLP}_TRACES_HEADERS", "")
    monkeypatch.setenv(f"{OTLP}_HEADERS", "a=1")

    assert read_settings().headers == {"a": "1"}


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_without_a_setting_it_is_the_usual_port_of_this_machine(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{OTLP}_PROTOCOL", protocol)

    address = {HTTP: "http://localhost:4318/v1/traces", GRPC: "http://localhost:4317"}[protocol]
    assert OTLPDestination().endpoint == address


def test_the_protocol_is_http_unless_said_otherwise_and_the_one_for_traces_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().protocol == HTTP
    monkeypatch.setenv(f"{OTLP}_PROTOCOL", "grpc")
    assert read_settings().protocol == GRPC
    monkeypatch.setenv(f"{OTLP}_TRACES_PROTOCOL", "http/protobuf")
    assert read_settings().protocol == HTTP


def test_the_timeout_is_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().timeout_s == 10.0
    monkeypatch.setenv(f"{OTLP}_TIMEOUT", "3")
    assert read_settings().timeout_s == 3.0
    monkeypatch.setenv(f"{OTLP}_TRACES_TIMEOUT", "0.5")
    assert read_settings().timeout_s == 0.5


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ENDPOINT", "http://other:4318"), ("COMPRESSION", "gzip"), ("TIMEOUT", "3")):
        monkeypatch.setenv(f"{OTLP}_{name}", value)

    settings = read_settings(endpoint="http://mine:4318/v1/traces", compression="none", timeout_s=1.5)

    assert (settings.url, settings.compression, settings.timeout_s) == ("http://mine:4318/v1/traces", "none", 1.5)


def test_an_address_that_was_given_without_a_path_gets_that_of_traces() -> None:
    assert OTLPDestination("http://mine:4318").endpoint == "http://mine:4318/v1/traces"
    assert OTLPDestination("http://mine:4318/").endpoint == "http://mine:4318/v1/traces"
    assert OTLPDestination("http://mine:4318/otlp").endpoint == "http://mine:4318/otlp"


def test_a_backend_with_address_and_headers_of_its_own_gets_nothing_of_another_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not its keys, not its certificates, not its session that signs."""
    certificates = make_certificates(tmp_path)
    for name, value in {
        f"{OTLP}_HEADERS": "api-key=theirs",
        f"{OTLP}_COMPRESSION": "gzip",
        f"{OTLP}_PROTOCOL": "grpc",
        f"{OTLP}_CERTIFICATE": str(certificates.authority),
        "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "gcp",
    }.items():
        monkeypatch.setenv(name, value)

    settings = read_settings(endpoint="https://cloud.example", headers={"authorization": "Basic mine"})

    assert settings.headers == {"authorization": "Basic mine"}
    assert (settings.protocol, settings.compression) == (HTTP, "none")
    assert (settings.certificate, settings.credential_provider) == (None, None)


# --- settings that cannot be used -------------------------------------------------------------------

UNUSABLE = {
    f"{OTLP}_PROTOCOL": ("http/json", "http/protobuf or grpc"),
    f"{OTLP}_TRACES_PROTOCOL": ("thrift", "http/protobuf or grpc"),
    f"{OTLP}_COMPRESSION": ("brotli", "none or gzip or deflate"),
    f"{OTLP}_ENDPOINT": ("collector:4318", "an address with its scheme, such as http://localhost:4318"),
    f"{OTLP}_TRACES_ENDPOINT": ("http://", "an address with its scheme"),
    f"{OTLP}_TIMEOUT": ("soon", "a number of seconds"),
    f"{OTLP}_TRACES_TIMEOUT": ("0", "a number of seconds"),
    f"{OTLP}_CERTIFICATE": ("/nowhere.pem", "the path of a PEM file"),
    f"{OTLP}_CLIENT_KEY": ("/nowhere.pem", "the path of a PEM file"),
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": ("nobody", "an installed entry point"),
}


@pytest.mark.parametrize("variable", UNUSABLE)
def test_a_setting_that_cannot_be_used_is_named_with_its_value_and_what_is_accepted(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, accepted = UNUSABLE[variable]
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigError) as told:
        OTLPDestination()

    for part in (variable, repr(value), accepted):
        assert part in str(told.value)


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector", "http://collector:port", "/v1/traces", ""])
def test_an_address_is_checked_where_it_is_given(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="endpoint \\(argument\\)"):
        OTLPDestination(endpoint)


def test_grpc_offers_no_deflate() -> None:
    with pytest.raises(ConfigError, match=r"none or gzip$"):
        OTLPDestination(protocol="grpc", compression="deflate")


# --- secrets ----------------------------------------------------------------------------------------


def test_what_is_shown_of_an_address_holds_no_secret() -> None:
    address = "https://user:zebra@collector:4318/otlp/v1/traces?token=zebra#zebra"

    destination = OTLPDestination(address, headers={"authorization": "Bearer zebra"})

    assert destination.endpoint == "https://collector:4318/otlp/v1/traces"
    assert "zebra" not in repr(destination._settings)


@pytest.mark.parametrize("headers", ["zebra", "x-team=checkout,zebra", 'api-key="zebra"'])
def test_headers_that_cannot_be_read_are_told_without_what_they_hold(
    headers: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(f"{OTLP}_HEADERS", headers)

    with pytest.raises(ConfigError, match=f"{OTLP}_HEADERS") as told, caplog.at_level(logging.DEBUG):
        OTLPDestination()

    assert "zebra" not in str(told.value) + caplog.text


@pytest.mark.parametrize("endpoint", ["user:zebra@collector:4318", "ftp://user:zebra@collector"])
def test_an_address_that_cannot_be_used_is_told_without_its_password(endpoint: str) -> None:
    with pytest.raises(ConfigError) as told:
        OTLPDestination(endpoint)

    assert "zebra" not in str(told.value)


# --- TLS --------------------------------------------------------------------------------------------


def address_of(receiver: Receiver, protocol: str) -> str:
    return receiver.endpoint if protocol == HTTP else receiver.grpc_endpoint


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_a_certificate_of_an_authority_that_was_named_is_trusted_and_no_other(
    protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = make_certificates(tmp_path)
    with Receiver(certificates=certificates) as receiver:
        monkeypatch.setenv(f"{OTLP}_ENDPOINT", address_of(receiver, protocol))
        trusting_nobody = OTLPDestination(protocol=protocol)
        monkeypatch.setenv(f"{OTLP}_CERTIFICATE", str(certificates.authority))
        trusting = OTLPDestination(protocol=protocol)

        told = trusting_nobody.send(BATCH, IN_TIME_S)
        assert isinstance(told, Later)
        assert told.why == "tls"
        assert trusting.send(BATCH, IN_TIME_S) == Accepted()
        trusting.close()
        trusting_nobody.close()


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_a_client_shows_its_certificate(protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = make_certificates(tmp_path, asks_for_client=True)
    with Receiver(certificates=certificates) as receiver:
        monkeypatch.setenv(f"{OTLP}_ENDPOINT", address_of(receiver, protocol))
        monkeypatch.setenv(f"{OTLP}_TRACES_CERTIFICATE", str(certificates.authority))
        nobody = OTLPDestination(protocol=protocol)
        monkeypatch.setenv(f"{OTLP}_TRACES_CLIENT_CERTIFICATE", str(certificates.client))
        monkeypatch.setenv(f"{OTLP}_TRACES_CLIENT_KEY", str(certificates.client_key))
        somebody = OTLPDestination(protocol=protocol)

        assert isinstance(nobody.send(BATCH, IN_TIME_S), Later)
        assert somebody.send(BATCH, IN_TIME_S) == Accepted()
        nobody.close()
        somebody.close()


def test_a_certificate_that_was_named_wins_over_the_bundle_of_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    certificates, others = make_certificates(tmp_path), make_certificates(tmp_path / "other")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(others.authority))
    with Receiver(certificates=certificates) as receiver:
        destination = OTLPDestination(receiver.endpoint, certificate=str(certificates.authority))

        assert destination.send(BATCH, IN_TIME_S) == Accepted()
        destination.close()


# --- credential providers ---------------------------------------------------------------------------

OWN_SESSION = """
import requests

def signing():
    session = requests.Session()
    session.headers["x-signed"] = "yes"
    return session
"""


def test_a_session_of_the_users_own_is_used(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As OpenTelemetry's exporter finds it: by an entry point, which cloud vendors' packages install."""
    (tmp_path / "own_session.py").write_text(OWN_SESSION)
    installed = tmp_path / "own_session-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: own-session\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[opentelemetry_otlp_credential_provider]\nown = own_session:signing\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER", "own")

    destination = OTLPDestination(receiver.endpoint)
    assert destination.send(BATCH, IN_TIME_S) == Accepted()
    destination.close()

    assert receiver.requests[0].headers["x-signed"] == "yes"
