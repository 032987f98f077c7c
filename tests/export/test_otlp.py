"""The OTLP destination sends a batch once and says in one word how it went, in the time it was given."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.context import get_current
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from fastagentic.core import names
from fastagentic.export.destination import Accepted, Destination, Later, Malformed, Partly, Payload
from fastagentic.export.destinations.otlp import OTLPDestination
from fastagentic.export.otlp_settings import GRPC, HTTP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .receiver import Receiver

    Build = Callable[..., OTLPDestination]

IN_TIME_S = 10.0
BOTH = pytest.mark.parametrize("protocol", [HTTP, GRPC])


def ended_span(scope: str = names.SCOPE, **provider: Any) -> Any:
    span = TracerProvider(**provider).get_tracer(scope).start_span("chat gpt-4o-mini", attributes={names.RUN_ID: "r"})
    span.end()
    return span


@pytest.fixture(scope="module")
def payload() -> Payload:
    return Payload(encode_spans([ended_span()]).SerializeToString(), 1)


@pytest.fixture
def build(receiver: Receiver) -> Iterator[Build]:
    """Makes destinations that send to the receiver; closed in the end."""
    made: list[OTLPDestination] = []

    def build(protocol: str = HTTP, **arguments: Any) -> OTLPDestination:
        endpoint = receiver.endpoint if protocol == HTTP else receiver.grpc_endpoint
        made.append(OTLPDestination(endpoint, protocol=protocol, **{"headers": {}, **arguments}))
        return made[-1]

    yield build
    for destination in made:
        destination.close()


def kind_of(answer: object) -> object:
    """An answer without its hint."""
    return Later(answer.why, answer.after_s) if isinstance(answer, Later) else answer


# --- what a backend answers -------------------------------------------------------------------------

HTTP_ANSWERS = {
    "ok": Accepted(),
    "garbage": Accepted(),
    "slow:0.1": Accepted(),
    "204": Accepted(),
    "partial:2": Partly(2, "partial success"),
    "400": Malformed("400"),
    "413": Malformed("413"),
    "422": Malformed("422"),
    "401": Later("401"),
    "403": Later("403"),
    "404": Later("404"),
    "405": Later("405"),
    "408": Later("408"),
    "415": Later("415"),
    "429": Later("429"),
    "429:7": Later("429", 7.0),
    "500": Later("500"),
    "502": Later("502"),
    "503:0.5": Later("503", 0.5),
    "503:soon": Later("503"),
    "503:999999999": Later("503", 3_600.0),
    "504": Later("504"),
    "302:http://127.0.0.1:1/": Later("302"),
    "307": Later("307"),
    "reset": Later("reset"),
}
GRPC_ANSWERS = {
    "ok": Accepted(),
    "garbage": Accepted(),
    "slow:0.1": Accepted(),
    "partial:2": Partly(2, "partial success"),
    "INVALID_ARGUMENT": Malformed("invalid argument"),
    "UNAUTHENTICATED": Later("unauthenticated"),
    "PERMISSION_DENIED": Later("permission denied"),
    "UNIMPLEMENTED": Later("unimplemented"),
    "UNAVAILABLE": Later("unavailable"),
    "UNAVAILABLE:7": Later("unavailable", 7.0),
    "RESOURCE_EXHAUSTED": Later("resource exhausted"),
    "RESOURCE_EXHAUSTED:2.5": Later("resource exhausted", 2.5),
    "RESOURCE_EXHAUSTED:999999": Later("resource exhausted", 3_600.0),
    "DEADLINE_EXCEEDED": Later("timeout"),
    "INTERNAL": Later("internal"),
    "UNKNOWN": Later("unknown"),
    "ABORTED": Later("aborted"),
    "DATA_LOSS": Later("data loss"),
    "reset": Later("cancelled"),
}


@pytest.mark.parametrize(("mode", "answer"), HTTP_ANSWERS.items())
def test_an_answer_over_http_means(mode: str, answer: object, receiver: Receiver, build: Build, payload: Payload) -> None:
    receiver.mode = mode

    assert kind_of(build().send(payload, IN_TIME_S)) == answer
    assert receiver.request_count == 1


@pytest.mark.parametrize(("mode", "answer"), GRPC_ANSWERS.items())
def test_an_answer_over_grpc_means(mode: str, answer: object, receiver: Receiver, build: Build, payload: Payload) -> None:
    receiver.mode = mode

    assert kind_of(build(GRPC).send(payload, IN_TIME_S)) == answer
    assert receiver.request_count == 1


def test_a_retry_after_may_be_a_date(receiver: Receiver, build: Build, payload: Payload) -> None:
    receiver.mode = f"503:{formatdate(time.time() + 100, usegmt=True)}"

    answer = build().send(payload, IN_TIME_S)

    assert isinstance(answer, Later)
    assert answer.after_s is not None
    assert 50 < answer.after_s <= 100


@pytest.mark.parametrize(
    ("mode", "protocol", "hint"),
    [
        ("401", HTTP, "OTEL_EXPORTER_OTLP_HEADERS"),
        ("401", GRPC, "OTEL_EXPORTER_OTLP_HEADERS"),
        ("403", HTTP, "OTEL_EXPORTER_OTLP_HEADERS"),
        ("404", HTTP, "/v1/traces"),
        ("404", GRPC, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ("405", HTTP, "/v1/traces"),
        ("415", HTTP, "OTEL_EXPORTER_OTLP_COMPRESSION"),
        ("308", HTTP, "final address"),
        ("reset", HTTP, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ("503", HTTP, ""),
    ],
)
def test_a_hint_says_which_setting_to_look_at(
    mode: str, protocol: str, hint: str, receiver: Receiver, build: Build, payload: Payload
) -> None:
    receiver.mode = mode

    answer = build(protocol).send(payload, IN_TIME_S)

    assert isinstance(answer, Later)
    assert (hint in answer.hint) if hint else answer.hint == ""


def test_a_message_too_large_for_a_grpc_server_is_not_sent_again(receiver: Receiver, build: Build) -> None:
    """Servers say RESOURCE_EXHAUSTED then, as they do when they are busy."""
    body = encode_spans([ended_span()]).SerializeToString() * 60_000

    assert build(GRPC).send(Payload(body, 60_000), IN_TIME_S) == Malformed("too large")


# --- when there is no answer ------------------------------------------------------------------------


@BOTH
def test_a_backend_that_is_not_there_is_refused(protocol: str, receiver: Receiver, build: Build, payload: Payload) -> None:
    destination = build(protocol)
    receiver.stop()

    assert kind_of(destination.send(payload, IN_TIME_S)) == Later("refused")


@BOTH
def test_a_name_that_is_unknown_is_said_so(protocol: str, payload: Payload) -> None:
    destination = OTLPDestination("http://nowhere.invalid:4318", protocol=protocol)

    assert kind_of(destination.send(payload, IN_TIME_S)) == Later("dns")


@BOTH
@pytest.mark.parametrize("mode", ["hang", "drip", "slow:60"])
def test_a_request_ends_in_the_time_it_was_given(
    mode: str, protocol: str, receiver: Receiver, build: Build, payload: Payload
) -> None:
    """Also when a byte comes now and then, which keeps each single read alive."""
    receiver.mode = mode

    assert build(protocol).send(payload, 0.3) == Later("timeout")


@BOTH
def test_the_settings_timeout_holds_where_it_is_shorter(
    protocol: str, receiver: Receiver, build: Build, payload: Payload
) -> None:
    receiver.mode = "hang"

    assert build(protocol, timeout_s=0.2).send(payload, 3_600) == Later("timeout")


def test_a_request_that_was_given_up_leaves_no_thread(receiver: Receiver, build: Build, payload: Payload) -> None:
    receiver.mode = "drip"

    def posting() -> list[threading.Thread]:
        return [one for one in threading.enumerate() if one.name == "fastagentic-post"]

    sending = threading.Thread(target=lambda: build().send(payload, 2.0))
    sending.start()
    receiver.wait_for(lambda _: posting())
    sending.join()

    receiver.wait_for(lambda _: not posting())


@BOTH
def test_a_backend_that_is_back_is_reached_at_once(protocol: str, receiver: Receiver, build: Build, payload: Payload) -> None:
    destination = build(protocol)
    receiver.stop()
    destination.send(payload, IN_TIME_S)
    receiver.start()

    assert destination.send(payload, IN_TIME_S) == Accepted()


# --- connections ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["ok", "partial", "503"])
def test_a_connection_is_kept(mode: str, receiver: Receiver, build: Build, payload: Payload) -> None:
    receiver.mode = mode
    destination = build()
    for _ in range(3):
        destination.send(payload, IN_TIME_S)

    assert (receiver.request_count, receiver.connection_count) == (3, 1)


def test_a_kept_connection_that_has_broken_is_no_failure(receiver: Receiver, build: Build, payload: Payload) -> None:
    destination = build()
    destination.send(payload, IN_TIME_S)
    receiver.mode = "reset:once"

    assert destination.send(payload, IN_TIME_S) == Accepted()
    assert receiver.request_count == 3


@BOTH
def test_a_closed_destination_can_be_used_again(protocol: str, build: Build, payload: Payload) -> None:
    destination = build(protocol)
    destination.send(payload, IN_TIME_S)
    destination.close()
    destination.close()

    assert destination.send(payload, IN_TIME_S) == Accepted()


FORKED = """
import os, sys
from fastagentic.export.destination import Accepted, Payload
from fastagentic.export.destinations.otlp import OTLPDestination
destination = OTLPDestination(sys.argv[1], headers={})
assert destination.send(Payload(b"", 0), 10) == Accepted()
child = os.fork()
assert destination.send(Payload(b"", 0), 10) == Accepted()
if child:
    assert os.waitpid(child, 0)[1] == 0
    assert destination.send(Payload(b"", 0), 10) == Accepted()
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_a_forked_child_has_a_connection_of_its_own(receiver: Receiver) -> None:
    subprocess.run([sys.executable, "-c", FORKED, receiver.endpoint], check=True, timeout=60)

    assert (receiver.request_count, receiver.connection_count) == (4, 2)


# --- what is sent -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "compression"), [(HTTP, "none"), (HTTP, "gzip"), (HTTP, "deflate"), (GRPC, "none"), (GRPC, "gzip")]
)
def test_a_batch_arrives_as_it_was_encoded(
    protocol: str, compression: str, receiver: Receiver, build: Build, payload: Payload
) -> None:
    destination = build(protocol, headers={"X-Team": "checkout"}, compression=compression)

    assert destination.send(payload, IN_TIME_S) == Accepted()

    (request,), (span,) = receiver.requests, receiver.spans
    assert request.body == payload.body
    assert (span.name, span.scope, span.attributes) == ("chat gpt-4o-mini", names.SCOPE, {names.RUN_ID: "r"})
    assert request.headers["x-team"] == "checkout"
    assert "fastagentic/" in request.headers["user-agent"]
    if protocol == HTTP:
        assert request.headers.get("content-encoding", "none") == compression
        assert request.headers["content-type"] == "application/x-protobuf"


def test_a_netrc_does_not_take_the_place_of_our_key(
    receiver: Receiver, build: Build, payload: Payload, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    build(headers={"Authorization": "Bearer ours"}).send(payload, IN_TIME_S)

    assert receiver.requests[0].headers["authorization"] == "Bearer ours"


@BOTH
def test_our_requests_are_not_observed(protocol: str, build: Build, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instrumentations of requests, urllib3 and gRPC ask the context whether to make a span."""
    import grpc
    import requests

    asked: list[object] = []

    def ask(*_: Any, **__: Any) -> Any:
        asked.append({key.rsplit("-", 5)[0]: value for key, value in get_current().items()})
        raise ConnectionResetError

    destination = build(protocol)
    if protocol == HTTP:
        monkeypatch.setattr(requests.Session, "send", ask)
        destination.send(payload, IN_TIME_S)
    else:
        monkeypatch.setattr(grpc._channel._UnaryUnaryMultiCallable, "__call__", ask)
        with pytest.raises(ConnectionResetError):
            destination.send(payload, IN_TIME_S)

    assert asked[0] == {"suppress_instrumentation": True, "suppress_http_instrumentation": True}
    assert not get_current()


# --- which spans ------------------------------------------------------------------------------------


def test_it_is_a_destination(build: Build) -> None:
    assert isinstance(build(), Destination)
    assert build().dress(ended_span()) is None


def test_every_sampled_span_of_the_provider_is_wanted_unless_only_ours_are(build: Build) -> None:
    ours, theirs, unsampled = ended_span(), ended_span("django"), ended_span(sampler=ALWAYS_OFF)
    assert not unsampled.get_span_context().trace_flags.sampled

    assert [build().wants(span) for span in (ours, theirs)] == [True, True]
    assert [build(only_ours=True).wants(span) for span in (ours, theirs)] == [True, False]


def test_making_one_imports_no_transport() -> None:
    """180 ms that a script does not pay before its first call."""
    code = (
        "import sys; from fastagentic.export.destinations.otlp import OTLPDestination; OTLPDestination();"
        "sys.exit(bool({'requests', 'grpc', 'google.protobuf', 'opentelemetry.exporter'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
