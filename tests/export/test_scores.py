"""A score for a run, by its id: what Langfuse is sent, that it waits for Langfuse, and what is said where nothing takes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.export import scores as scores_module
from fastagentic.export.chosen import Terms, deliver_to
from fastagentic.export.destination import Accepted, Destination, Later, Partly
from fastagentic.export.destinations._langfuse_scores import answer_of_scores, in_requests
from fastagentic.export.destinations.langfuse import LangfuseDestination
from fastagentic.export.scores import record_of, score_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastagentic.export.delivery import Delivery
    from tests.export.receiver import Receiver

SCORES = "/api/public/scores"
RUN_ID = "0190b5a27c1e7abc8def0123456789ab"


@pytest.fixture
def delivery(receiver: Receiver, tmp_path: Path) -> Iterator[Delivery]:
    """Scores to the receiver, with a spool."""
    langfuse = LangfuseDestination("pk-lf-1", "sk-lf-1", receiver.endpoint, environment="staging")
    delivery = deliver_to(langfuse.scores(), tmp_path, Terms())
    yield delivery
    delivery.close(0.1)


def posted(receiver: Receiver) -> list[dict[str, Any]]:
    """The scores that were taken, in their order."""
    found: list[dict[str, Any]] = []
    for request in receiver.of(None):
        content = json.loads(request.body)
        found += (content if isinstance(content, list) else [content]) if request.mode == "ok" else []
    return found


def sent(receiver: Receiver, delivery: Delivery, *arguments: Any, **more: Any) -> dict[str, Any]:
    assert score_to([delivery], *arguments, **more)
    assert delivery.flush(10)
    return posted(receiver)[-1]


def test_scores_are_a_destination_beside_that_of_spans(delivery: Delivery, receiver: Receiver) -> None:
    assert isinstance(delivery.destination, Destination)
    assert (delivery.destination.name, delivery.destination.endpoint) == ("langfuse-scores", f"{receiver.endpoint}{SCORES}")


def test_a_score_says_what_langfuse_asks_for(receiver: Receiver, delivery: Delivery) -> None:
    found = sent(receiver, delivery, RUN_ID, "relevance", 0.9, comment="to the point")

    assert uuid.UUID(found.pop("id"))
    assert abs(datetime.fromisoformat(found.pop("timestamp")) - datetime.now(UTC)).total_seconds() < 60
    assert found == {
        "traceId": RUN_ID, "name": "relevance", "value": 0.9, "dataType": "NUMERIC", "comment": "to the point",
        "environment": "staging",
    }  # fmt: skip
    (request,) = receiver.of(None)
    assert request.path == SCORES
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("value", "kind", "written"),
    [(3, "NUMERIC", 3.0), (True, "BOOLEAN", 1.0), (False, "BOOLEAN", 0.0), ("good", "CATEGORICAL", "good")],
)
def test_the_value_says_what_type_it_is(receiver: Receiver, delivery: Delivery, value: Any, kind: str, written: Any) -> None:
    found = sent(receiver, delivery, RUN_ID, "verdict", value)

    assert (found["dataType"], found["value"]) == (kind, written)


def test_a_type_may_be_named_and_a_config_names_it_itself(receiver: Receiver, delivery: Delivery) -> None:
    assert sent(receiver, delivery, RUN_ID, "verdict", 1, data_type="BOOLEAN")["dataType"] == "BOOLEAN"
    found = sent(receiver, delivery, RUN_ID, "verdict", 1, config_id="c-1")
    assert found["configId"] == "c-1"
    assert "dataType" not in found


@pytest.mark.parametrize(
    ("run_id", "trace_id"),
    [
        (RUN_ID, RUN_ID),
        (uuid.UUID(RUN_ID), RUN_ID),
        (str(uuid.UUID(RUN_ID)), RUN_ID),
        ("order-42", "3bf8b157c4238eefe5ae4a66eca81c6b"),
    ],
)
def test_it_is_for_the_run_that_was_given_the_same_id(
    receiver: Receiver, delivery: Delivery, run_id: Any, trace_id: str
) -> None:
    assert sent(receiver, delivery, run_id, "ok", True)["traceId"] == trace_id


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("quality", float("nan")), "takes a finite number"),
        (("quality", "good", "NUMERIC"), "takes a finite number"),
        (("quality", 2, "BOOLEAN"), "takes True, False, 1 or 0"),
        (("quality", ""), "takes a text that is not empty"),
        (("quality", 1.0, "STARS"), "Langfuse accepts NUMERIC, BOOLEAN, CATEGORICAL, TEXT"),
        (("", 1.0), "a text that is not empty"),
    ],
)
def test_a_score_that_langfuse_would_not_take_is_told_at_once(delivery: Delivery, arguments: Any, told: str) -> None:
    name, value, *data_type = arguments
    with pytest.raises(ValueError, match=told):
        score_to([delivery], RUN_ID, name, value, data_type=data_type[0] if data_type else None)


@pytest.mark.parametrize("mode", ["503", "401", "429:1", "reset"])
def test_a_score_waits_until_langfuse_takes_it(receiver: Receiver, delivery: Delivery, mode: str) -> None:
    receiver.mode = mode
    assert score_to([delivery], RUN_ID, "quality", 0.5)
    assert not delivery.flush(0.5)
    assert posted(receiver) == []
    receiver.mode = "ok"
    assert delivery.flush(10)
    assert [score["value"] for score in posted(receiver)] == [0.5]


def test_what_waits_is_called_scores(receiver: Receiver, delivery: Delivery, caplog: pytest.LogCaptureFixture) -> None:
    receiver.mode = "503"
    score_to([delivery], RUN_ID, "quality", 0.5)
    assert not delivery.flush(0.3)
    delivery.note_drop(1, "spool full")

    said = [record.getMessage().partition("): ")[2] for record in caplog.records]
    assert said == [
        "503; scores wait and are sent again.",
        "Scores are being lost: spool full. `fastagentic status` counts them",
    ]


def test_a_score_sent_twice_is_the_same_score(receiver: Receiver, delivery: Delivery) -> None:
    receiver.mode = "503"
    score_to([delivery], RUN_ID, "quality", 0.5)
    delivery.flush(0.6)
    receiver.mode = "ok"
    assert delivery.flush(10)
    tries = [json.loads(request.body)[0] for request in receiver.of(None)]
    assert len(tries) > 1
    assert len({(score["id"], score["timestamp"]) for score in tries}) == 1


def test_a_score_survives_the_process_that_gave_it(receiver: Receiver, tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import os, pathlib
        from fastagentic.export.chosen import Terms, deliver_to
        from fastagentic.export.destinations.langfuse import LangfuseDestination
        from fastagentic.export.scores import score_to
        langfuse = LangfuseDestination("pk", "sk", "{receiver.endpoint}")
        delivery = deliver_to(langfuse.scores(), pathlib.Path({str(tmp_path)!r}), Terms())
        score_to([delivery], {RUN_ID!r}, "quality", 0.5)
        os.kill(os.getpid(), 9)
    """)
    receiver.mode = "503"
    assert subprocess.run([sys.executable, "-c", program], env={**os.environ}, timeout=60, check=False).returncode == -9
    receiver.mode = "ok"

    delivery = deliver_to(LangfuseDestination("pk", "sk", receiver.endpoint).scores(), tmp_path, Terms())
    delivery.start()
    assert delivery.flush(20)
    delivery.close(1)
    assert {score["value"] for score in posted(receiver)} == {0.5}


def test_many_scores_go_in_few_requests(receiver: Receiver, delivery: Delivery) -> None:
    receiver.mode = "503"
    for number in range(50):
        score_to([delivery], RUN_ID, "quality", number)
    receiver.mode = "ok"
    assert delivery.flush(10)
    assert sorted(score["value"] for score in posted(receiver)) == list(range(50))
    assert len([request for request in receiver.of(None) if request.mode == "ok"]) <= 3


def test_requests_stay_below_what_langfuse_takes() -> None:
    scores = [{"comment": "x" * 300_000, "number": number} for number in range(7)]
    requests = list(in_requests(scores))
    assert [score for request in requests for score in request] == scores
    assert max(len(json.dumps(request)) for request in requests) < 1_000_000


class Server:
    """Langfuse's answers to a post, by what it is shown: a list or one score."""

    def __init__(self, answer: Callable[[Any], tuple[int, bytes]]) -> None:
        self.answer = answer
        self.taken: list[Any] = []

    def send(self, body: bytes, timeout_s: float) -> Any:
        content = json.loads(body)
        status, text = self.answer(content)
        if status < 300:
            self.taken.append(content)
        return answer_of_scores(status, text, None)

    def close(self) -> None:
        """Nothing."""


def scores_through(server: Server, values: list[float]) -> Any:
    destination = LangfuseDestination("pk", "sk", "http://127.0.0.1:1").scores()
    destination._http, destination._pid = server, os.getpid()  # type: ignore[assignment]
    from fastagentic.export.encode import request

    return destination.send(request([record_of({"name": "quality", "value": value}) for value in values]), 5)


def test_a_server_that_knows_no_lists_gets_one_score_after_the_other() -> None:
    """Self-hosted, before Langfuse 4."""
    server = Server(lambda content: (400, b"") if isinstance(content, list) else (200, b'{"id": "1"}'))
    assert scores_through(server, [1, 2]) == Accepted()
    assert [score["value"] for score in server.taken] == [1, 2]


def test_a_score_that_is_refused_keeps_no_other() -> None:
    server = Server(lambda content: (400, b"") if isinstance(content, list) or content["value"] == 2 else (200, b""))
    assert scores_through(server, [1, 2, 3]) == Partly(1, "not valid for Langfuse")
    assert [score["value"] for score in server.taken] == [1, 3]


def test_langfuse_says_how_many_of_a_list_it_did_not_take() -> None:
    server = Server(lambda _: (207, b'{"accepted": 1, "rejected": 1, "errors": [{"message": "no such category"}]}'))
    assert scores_through(server, [1, 2]) == Partly(1, "not valid for Langfuse")
    assert answer_of_scores(207, b'{"successes": [], "errors": []}', None) == Accepted()
    assert answer_of_scores(503, b"", "7") == Later("503", 7.0)


def test_where_nothing_takes_scores_it_is_said_once_and_nothing_raises(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores_module, "_is_told", False)
    assert not score_to([], RUN_ID, "quality", 1)
    assert not score_to([], RUN_ID, "quality", 1)
    (record,) = caplog.records
    assert "LANGFUSE_PUBLIC_KEY" in record.getMessage()
    assert 'destinations=["langfuse"]' in record.getMessage()


def test_a_run_that_is_not_in_the_sample_gets_no_score(receiver: Receiver, tmp_path: Path) -> None:
    langfuse = LangfuseDestination("pk", "sk", receiver.endpoint, sample_rate=0.0)
    delivery = deliver_to(langfuse.scores(), tmp_path, Terms())
    assert not score_to([delivery], RUN_ID, "quality", 1)
    assert delivery.flush(5)
    assert posted(receiver) == []
    delivery.close(1)


def test_it_wants_no_spans(delivery: Delivery) -> None:
    assert not delivery.destination.wants(object())  # type: ignore[arg-type]
