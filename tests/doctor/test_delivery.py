"""What is unpriced, waits, was refused or lost; the store, Langfuse's keys, and what is set here."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from fastagentic.core.config import use_file
from fastagentic.doctor import gather as gathering
from fastagentic.doctor.gather import gather
from fastagentic.doctor.rules import diagnose
from fastagentic.export.destination import Accepted, Later, Malformed
from fastagentic.store.location import store_path
from tests.export.receiver import Receiver

from .conftest import examined

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastagentic.export.destination import Payload

    from .conftest import Program

MESSAGES = [{"role": "user", "content": "?"}]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class Elsewhere:
    """A destination that answers what it is told to."""

    name = "elsewhere"
    endpoint = "http://elsewhere.example/v1"

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def wants(self, span: Any) -> bool:
        return True

    def dress(self, span: Any) -> None:
        return None

    def send(self, payload: Payload, timeout_s: float) -> Any:
        return self.answer

    def close(self) -> None:
        pass


def ask(model: str = "gpt-4o-mini") -> None:
    litellm.completion(model=model, messages=MESSAGES, mock_response="Yes.")


def codes(**gathered: Any) -> set[str]:
    return {finding.code for finding in diagnose(gather(**gathered)) if finding.severity != "ok"}


@pytest.mark.parametrize(("model", "expected"), [("openai/llama-of-tomorrow", True), ("gpt-4o-mini", False)])
def test_a_model_without_a_price(model: str, expected: bool) -> None:
    fastagentic.instrument(destinations=["local"])
    ask(model)

    assert ("models-unpriced" in examined()) is expected


@pytest.mark.parametrize(
    ("answer", "later_s", "expected"),
    [
        (Later("503"), 120, {"spans-wait"}),
        (Later("503"), 0, set()),
        (Malformed("400"), 120, {"spans-refused"}),
        (Accepted(), 120, set()),
    ],
    ids=["down", "down just now", "refused", "taken"],
)
def test_spans_on_their_way(answer: Any, later_s: float, expected: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    fastagentic.instrument(destinations=["local", Elsewhere(answer)])
    ask()
    fastagentic.uninstrument()
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + int(later_s * 1e9))

    assert codes() == expected


def test_spans_that_were_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_SPOOL_MAX_AGE", "0s")
    fastagentic.instrument(destinations=["local", Elsewhere(Later("503"))])
    ask()
    fastagentic.flush(timeout=1)
    fastagentic.uninstrument()
    fastagentic.instrument(destinations=["local", Elsewhere(Later("503"))])  # takes over, and finds them too old
    fastagentic.flush(timeout=1)
    fastagentic.uninstrument()

    assert "spans-lost" in codes()


def test_a_store_that_is_damaged(own_environment: Path) -> None:
    store_path().parent.mkdir(parents=True)
    store_path().write_bytes(b"no database at all" * 100)

    findings = [finding for finding in diagnose(gather()) if finding.code == "store-fault"]

    assert "damaged" in findings[0].why


def test_spans_that_the_store_lost(own_environment: Path) -> None:
    import sqlite3

    fastagentic.instrument(destinations=["local"])
    ask()
    fastagentic.uninstrument()
    assert "store-lost-spans" not in codes()
    with sqlite3.connect(store_path()) as connection:
        connection.execute("INSERT INTO drops VALUES (1, 'queue_full', 3)")
    connection.close()

    assert "store-lost-spans" in codes()


def test_a_store_without_calls_says_how_to_get_some() -> None:
    assert codes() == {"nothing-observed"}
    fastagentic.instrument(destinations=["local"])
    ask()

    assert "nothing-observed" not in examined()


def test_calls_that_pass_the_gateway_by(hosted: Program) -> None:
    config = hosted.target()
    ask()
    assert "gateway-not-used" in examined(hosted.setup(config))

    hosted.ask(config)

    assert "gateway-not-used" not in examined(hosted.setup(config))


@pytest.mark.parametrize(
    ("public", "secret", "expected"),
    [
        ("pk-lf-1", "", True),
        ("", "sk-lf-1", True),
        ("sk-lf-1", "pk-lf-1", True),
        ("pk-lf-1", "sk-lf-1", False),
        ("", "", False),
    ],
)
def test_langfuse_keys_that_cannot_be_right(public: str, secret: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", public)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", secret)

    assert ("langfuse-keys" in codes()) is expected


@pytest.mark.parametrize(("mode", "expected"), [("401", True), ("ok", False)])
def test_with_network_langfuse_is_asked_whether_it_takes_the_keys(
    mode: str, expected: bool, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-1")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-1")
    monkeypatch.setenv("LANGFUSE_BASE_URL", receiver.endpoint)
    if mode != "ok":
        receiver.mode = mode

    assert "langfuse-refuses" not in codes()
    assert ("langfuse-refuses" in codes(network=True)) is expected


def test_with_network_and_without_keys_langfuse_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", pytest.fail)

    assert "langfuse-refuses" not in codes(network=True)


# --- what is set and installed -----------------------------------------------------------------------


def test_a_setting_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    use_file(None)
    assert "settings-wrong" not in codes()
    monkeypatch.setenv("FASTAGENTIC_KEEP", "30 moons")

    assert "settings-wrong" in codes()


def test_observation_that_was_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "switched-off" not in codes()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    assert "switched-off" in codes()


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.82.7", {"litellm-compromised"}),
        ("1.107.3", {"litellm-compromised"}),
        ("1.109.1", set()),
        (None, {"no-client-installed"}),
    ],
)
def test_what_is_installed(version: str | None, expected: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_version", lambda name: {"litellm": version, "mcp": "2.2"}.get(name))

    assert codes() - {"nothing-observed"} == expected
