"""The stand-in provider: what it does with a request, what it says, and what it keeps of it."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from fastagentic.demo.answers import compose
from fastagentic.demo.behaviours import behaviour_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.demo.provider import StandIn

QUESTION = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How long is the notice period?"}]}
STREAM = {**QUESTION, "stream": True}
WITH_USAGE = {**STREAM, "stream_options": {"include_usage": True}}


class Client:
    """One kept-alive connection to the stand-in."""

    def __init__(self, provider: StandIn) -> None:
        address = urlsplit(provider.base)
        self.connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)

    def post(self, segment: str, body: dict[str, Any], **headers: str) -> http.client.HTTPResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request("POST", f"/{segment}/v1/chat/completions", json.dumps(body), sent)
        return self.connection.getresponse()

    def ask(self, segment: str, body: dict[str, Any] = QUESTION, **headers: str) -> tuple[int, Any]:
        response = self.post(segment, body, **headers)
        return response.status, json.loads(response.read())

    def status(self, segment: str, **headers: str) -> int:
        return self.ask(segment, **headers)[0]

    def chunks(self, segment: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        lines = self.post(segment, body).read().decode().split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""]
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


@pytest.fixture
def client(stand_in: StandIn) -> Iterator[Client]:
    client = Client(stand_in)
    yield client
    client.connection.close()


def test_it_listens_on_loopback_and_serves_many_requests_on_one_connection(stand_in: StandIn, client: Client) -> None:
    assert stand_in.base.startswith("http://127.0.0.1:")
    client.connection.connect()
    port = client.connection.sock.getsockname()[1]
    assert [client.status("ok") for _ in range(3)] == [200, 200, 200]
    assert client.connection.sock.getsockname()[1] == port


@pytest.mark.parametrize(
    ("segment", "statuses"),
    [
        ("ok", [200, 200, 200]),
        ("ok_second", [200, 200, 200]),
        ("fail-503", [503, 503, 503]),
        ("flaky-1-500", [500, 200, 200]),
        ("flaky-2-429", [429, 429, 200]),
        ("busy-1-429-20ms", [429, 200, 200]),
        ("slow-1ms", [200, 200, 200]),
        ("silent", [200, 200, 200]),
        ("never-heard-of", [404, 404, 404]),
    ],
)
def test_the_path_chooses_the_behaviour(segment: str, statuses: list[int], client: Client) -> None:
    assert [client.status(segment) for _ in statuses] == statuses


def test_a_header_chooses_it_whatever_the_path_says(client: Client) -> None:
    assert client.status("ok", x_demo_behaviour="fail-418") == 418


def test_each_logical_call_has_its_own_first_time(client: Client) -> None:
    seen = [client.status("flaky-1-500", x_demo_call=call) for call in ("a", "b", "a", "b")]
    assert seen == [500, 500, 200, 200]


def test_an_unknown_behaviour_is_told_what_there_is(client: Client) -> None:
    _, body = client.ask("flakey-1-500")
    assert "'flakey-1-500' is no behaviour" in body["error"]["message"]
    assert "then an answer" in body["error"]["message"]


def test_retry_after_says_how_long(client: Client) -> None:
    response = client.post("busy-1-429-20ms", QUESTION)
    response.read()
    assert (response.headers["retry-after-ms"], response.headers["retry-after"]) == ("20", "1")


def test_the_same_question_takes_the_same_tokens(client: Client) -> None:
    first, second = (client.ask("ok")[1] for _ in range(2))
    assert first["id"] != second["id"]
    assert [first["usage"], first["choices"]] == [second["usage"], second["choices"]]
    other = client.ask("ok", {**QUESTION, "model": "gpt-4o"})[1]
    assert other["choices"] != first["choices"]


def test_some_answers_read_the_prompt_cache_and_some_reason() -> None:
    bodies = [{"messages": [{"role": "user", "content": f"{at} " + "word " * 1500}]} for at in range(40)]
    answers = [compose(body, 1) for body in bodies]
    assert any(answer.reasoning_tokens for answer in answers)
    assert any(answer.cached_tokens for answer in answers)
    assert any(not answer.cached_tokens for answer in answers)
    assert all(answer.cached_tokens % 128 == 0 for answer in answers)
    assert all(answer.cached_tokens < answer.prompt_tokens for answer in answers)
    assert all(answer.reasoning_tokens < answer.completion_tokens for answer in answers)


def test_a_short_prompt_is_never_read_from_the_prompt_cache() -> None:
    assert not any(compose({"messages": [{"role": "user", "content": str(at)}]}, 1).cached_tokens for at in range(40))


def test_a_stream_says_the_same_in_pieces(client: Client) -> None:
    whole = client.ask("ok")[1]
    chunks = client.chunks("ok", STREAM)
    texts = [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]
    assert "".join(texts) == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(("segment", "body", "states"), [
    ("ok", WITH_USAGE, True), ("ok", STREAM, False), ("silent", WITH_USAGE, False),
])  # fmt: skip
def test_a_stream_states_usage_only_when_asked(
    segment: str, body: dict[str, Any], states: bool, stand_in: StandIn, client: Client
) -> None:
    chunks = client.chunks(segment, body)
    assert ("usage" in chunks[-1]) is states
    assert (stand_in.exchanges[-1].usage is not None) is states
    assert stand_in.exchanges[-1].answer_usage["prompt_tokens"] > 0


def test_a_silent_provider_states_no_usage(client: Client) -> None:
    assert "usage" not in client.ask("silent")[1]


def test_a_stream_breaks_midway_with_a_reset(stand_in: StandIn, client: Client) -> None:
    response = client.post("break-3", STREAM)
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        response.read()
    exchange = stand_in.exchanges[-1]
    assert exchange.chunks_sent == 3
    assert exchange.chunks_meant > 3


def test_the_log_knows_what_was_asked_and_answered(stand_in: StandIn, client: Client) -> None:
    _, answer = client.ask("ok", x_demo_call="c-1")
    client.connection.request("GET", "/_log")
    (logged,) = json.loads(client.connection.getresponse().read())
    assert logged["headers"]["x-demo-call"] == logged["call_id"] == "c-1"
    assert logged["body"] == QUESTION
    assert (logged["status"], logged["segment"], logged["endpoint"]) == (200, "ok", "chat/completions")
    assert (logged["usage"], logged["answer_id"]) == (answer["usage"], answer["id"])
    assert stand_in.log.of_call("c-1")[0].text == answer["choices"][0]["message"]["content"]


def test_a_reset_forgets_log_and_counts(stand_in: StandIn, client: Client) -> None:
    assert client.status("flaky-1-500") == 500
    client.connection.request("POST", "/_reset")
    client.connection.getresponse().read()
    assert stand_in.exchanges == []
    assert client.status("flaky-1-500") == 500


def test_what_is_not_served_is_told_what_is(stand_in: StandIn, client: Client) -> None:
    client.connection.request("POST", "/ok/v1/nothing", "{}")
    response = client.connection.getresponse()
    assert response.status == 404
    assert "served are: chat/completions" in json.loads(response.read())["error"]["message"]


def test_a_label_does_not_change_the_behaviour() -> None:
    assert behaviour_of("flaky-2-429_other") == behaviour_of("flaky-2-429")
