"""What a request is answered that cannot have what it asks for: a page to a person, problem+json to a program."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from .paths import route_path
from .rendering import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

MEDIA_TYPE: Final = "application/problem+json"
API: Final = "/api/"


class Refused(Exception):  # noqa: N818  # what it is, not what went wrong
    """A request that is answered with a problem: its status, what is wrong, and the way out."""

    def __init__(self, status: int, detail: str, fix: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.fix = fix
        self.headers = dict(headers or {})


class Problem(BaseModel):
    """A problem (RFC 9457): `title` names the status, `detail` what is wrong, `fix` the way out."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    fix: str = ""


def refusal(request: Request, refused: Refused) -> Response:
    """The answer to a request that is refused."""
    title = HTTPStatus(refused.status).phrase
    if is_api(request):
        problem = Problem(title=title, status=refused.status, detail=refused.detail, fix=refused.fix)
        return JSONResponse(problem.model_dump(), refused.status, refused.headers, MEDIA_TYPE)
    return page(request, "problem.html", status=refused.status, headers=refused.headers, title=title, refused=refused)


def is_api(request: Request) -> bool:
    """Whether a program asks, and not a person."""
    return route_path(request).startswith((API, "/live"))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems as the API's document says them."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        status: {"description": _SAID.get(status, HTTPStatus(status).phrase), "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


_SAID: Final = {
    400: "A Host or Origin that is not answered",
    401: "Nobody that the dashboard knows",
    403: "Only this machine may look",
    404: "Not in the store",
    422: "A parameter that cannot be used; `detail` names it, its value and what it takes",
    503: "The store cannot be read now; `fix` says what to do",
}
