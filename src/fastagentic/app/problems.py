"""What goes wrong with a request, as `application/problem+json` (RFC 9457). Every status of an App comes from the table here.

A problem never repeats what was sent, nor the text of an exception: both can hold a prompt or a key.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fastagentic.clients._failures import UNANSWERED, read_failure
from fastagentic.core.call import LLMCall
from fastagentic.core.errors import BudgetExceeded, HookRejected
from fastagentic.core.names import Operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import ValidationError

MEDIA_TYPE: Final = "application/problem+json"
TOO_LATE: Final = 499
"""The client has gone; nobody reads this status but the run's span."""

TIMEOUTS: Final = frozenset({"APITimeoutError", "TimeoutException", "Timeout"})
"""Base classes of what the SDKs, httpx and LiteLLM raise when no answer came in time."""


class ProblemDocument(BaseModel):
    """The body of a 4xx or 5xx."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    run_id: str | None = None
    errors: list[dict[str, Any]] | None = None


@dataclass(slots=True, frozen=True)
class Problem:
    """A status and what is said about it."""

    status: int
    detail: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[Mapping[str, Any]] = ()

    def document(self, run_id: str | None = None) -> dict[str, Any]:
        """The body, without what is not known."""
        said = {"detail": self.detail, "run_id": run_id, "errors": list(self.errors)}
        known = {name: value for name, value in said.items() if value}
        return {"type": "about:blank", "title": _title(self.status), "status": self.status, **known}

    def response(self, run_id: str | None = None) -> Response:
        """The answer that says it."""
        body = json.dumps(self.document(run_id), ensure_ascii=False).encode()
        return Response(body, self.status, headers=dict(self.headers), media_type=MEDIA_TYPE)


class Refused(Exception):  # noqa: N818  # what it is, not what went wrong
    """A request that is answered with a problem. The name of the class is `error.type` on the run's span."""

    status = 400

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.problem = Problem(self.status, detail, headers or {}, **more)


class MalformedJSON(Refused):
    """The body is no JSON."""


class NotAuthenticated(Refused):
    """Nobody that `authenticate` knows."""

    status = 401


class MissingScope(Refused):
    """Somebody who may not."""

    status = 403


class BodyTooLarge(Refused):
    """The body is over the App's limit."""

    status = 413


class NotJSON(Refused):
    """The body says that it is something else."""

    status = 415


class InvalidBody(Refused):
    """JSON that does not fit the endpoint's model."""

    status = 422


class RateLimited(Refused):
    """Over our own limit."""

    status = 429


class ClientDisconnected(Refused):
    """The client has gone; its run was cancelled."""

    status = TOO_LATE


class InvalidAnswer(Refused):
    """The endpoint's answer does not fit its own model."""

    status = 500


class TooManyRuns(Refused):
    """Over `max_concurrent`."""

    status = 503


class RunTimedOut(Refused):
    """Over the endpoint's `timeout`."""

    status = 504


def faults(error: ValidationError) -> list[dict[str, Any]]:
    """Where and why, as pydantic says it; without the values."""
    return [
        {"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]}
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def problem_of(error: BaseException) -> Problem:
    """What a request is answered that ended with this exception."""
    if isinstance(error, Refused):
        return error.problem
    if isinstance(error, HookRejected):
        return Problem(403, str(error) or None)
    if isinstance(
        error, BudgetExceeded
    ):  # neither limit nor what was spent: of a tenant or a month that is nobody else's matter
        return Problem(402, f"the budget of this {error.scope} is used up")
    if isinstance(error, HTTPException):
        return Problem(error.status_code, error.detail, error.headers or {})
    return _upstream(error) or Problem(500, "the endpoint failed; the log of the server says where")


def _upstream(error: BaseException) -> Problem | None:
    """The model's side failed: a gateway that is down, a provider that is busy; None when it was something else."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & TIMEOUTS:
        return Problem(504, "the model's side did not answer in time")
    status, wait_s = said_by(error)
    if status in {429, 503}:
        return Problem(503, f"the model's side answered {status}", {} if wait_s is None else retry_after(wait_s))
    if status is not None:
        return Problem(502, f"the model's side answered {status}")
    if is_unanswered(error):
        return Problem(502, "the model's side cannot be reached")
    return None


def said_by(error: BaseException) -> tuple[int | None, float | None]:
    """Status and Retry-After of the answer behind a client's exception, as its span has them."""
    call = LLMCall("app", None, Operation.CHAT, "", None)
    read_failure(call, error)
    return call.status_code, call.retry_after_s


def is_unanswered(error: BaseException) -> bool:
    """Whether nobody answered: refused, reset, unknown host."""
    return any(isinstance(one, ConnectionError) or UNANSWERED & _names(one) for one in _chain(error))


def retry_after(wait_s: float) -> dict[str, str]:
    """The header, in whole seconds, never 0: a client that comes back at once is refused again."""
    return {"Retry-After": str(max(1, math.ceil(wait_s)))}


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that it arose from."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        yield cause
        # LiteLLM raises its own in place of the transport's, without saying from what.
        cause = cause.__cause__ or (cause.__context__ if hasattr(cause, "status_code") else None)


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == TOO_LATE else "Error"
