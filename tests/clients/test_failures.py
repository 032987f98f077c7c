"""What a failed call says of the HTTP answer behind it: class, status, how long it asks to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import litellm
import pytest

from fastagentic.clients._failures import read_failure
from fastagentic.core.call import LLMCall
from fastagentic.core.names import Operation
from fastagentic.gateways import _values
from fastagentic.gateways.waits import read_wait
from tests.clients.doors import DOORS, MESSAGES, MODEL, Door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

every_door = pytest.mark.parametrize("door", DOORS, ids=str)


@pytest.fixture(autouse=True)
def nothing_warned_of() -> Iterator[None]:
    yield
    _values.warned.clear()


def failed(error: BaseException) -> LLMCall:
    call = LLMCall("litellm", "litellm", Operation.CHAT, "openai", "gpt-4o")
    read_failure(call, error)
    return call


@every_door
@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_a_call_that_a_provider_refused_has_its_class_and_status(
    door: Door, status: int, stand_in: StandIn, recorded: Memory
) -> None:
    more = {"num_retries": 0} if door.gateway == "litellm" else {}
    with pytest.raises(Exception) as caught:  # noqa: PT011  # each client has its own
        door.ask(stand_in.url(f"fail-{status}"), **more)
    found = dict(recorded.span.attributes or {})
    assert found["error.type"] == type(caught.value).__qualname__
    assert found["http.response.status_code"] == status
    assert "fastagentic.retry_after" not in found


@every_door
def test_how_long_the_provider_asks_to_wait_is_told(door: Door, stand_in: StandIn, recorded: Memory) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  # each client has its own
        door.ask(stand_in.url("busy-9-429-20ms"))
    found = dict(recorded.span.attributes or {})
    assert (found["http.response.status_code"], found["fastagentic.retry_after"]) == (429, 0.02)


def test_an_answer_has_neither(stand_in: StandIn, recorded: Memory) -> None:
    DOORS[0].ask(stand_in.url())
    assert not {"http.response.status_code", "fastagentic.retry_after", "error.type"} & set(recorded.span.attributes or {})


def test_a_provider_that_nobody_reached_answered_no_status(recorded: Memory) -> None:
    """LiteLLM writes 500 on its own exception."""
    with pytest.raises(litellm.exceptions.InternalServerError) as caught:
        litellm.completion(
            model=f"openai/{MODEL}", messages=MESSAGES, api_base="http://127.0.0.1:9", api_key="sk-test", max_retries=0
        )  # fmt: skip
    assert caught.value.status_code == 500
    assert "http.response.status_code" not in (recorded.span.attributes or {})


def test_a_status_that_litellm_made_itself_is_its_word(recorded: Memory) -> None:
    with pytest.raises(litellm.exceptions.RateLimitError):
        litellm.completion(model=MODEL, messages=MESSAGES, mock_response="litellm.RateLimitError")
    assert (recorded.span.attributes or {})["http.response.status_code"] == 429


def test_a_stream_that_broke_off_answered_no_status(stand_in: StandIn, recorded: Memory) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  # LiteLLM's, with a status that it made up
        DOORS[0].ask(stand_in.url("break-3"), stream=True)
    assert "http.response.status_code" not in (recorded.span.attributes or {})


@pytest.mark.parametrize("status", [None, "429", 200, 0, 4290, True])
def test_a_status_that_is_none_of_a_failure_is_left(status: Any) -> None:
    error = RuntimeError()
    error.status_code = status  # type: ignore[attr-defined]
    assert failed(error).status_code is None


def test_an_error_of_the_http_client_itself_has_its_answers_status() -> None:
    response = httpx.Response(503, headers={"Retry-After": "7"})
    error = httpx.HTTPStatusError("no", request=httpx.Request("POST", "http://any/"), response=response)
    assert (failed(error).status_code, failed(error).retry_after_s) == (503, 7.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "2", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_a_wait_is_told_in_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert read_wait(headers) == seconds


def test_a_wait_may_be_a_date() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    seconds = read_wait({"retry-after": until})
    assert seconds is not None
    assert 50 < seconds <= 100


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "1e999", "Wed, 99 Foo", "--"])
def test_a_wait_that_is_none_is_ignored_with_one_warning(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert read_wait({"retry-after": text}) is None
    assert read_wait({"retry-after": text}) is None
    (record,) = caplog.records
    assert record.getMessage().startswith("ignored the header retry-after")
