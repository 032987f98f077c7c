"""An endpoint as a route of FastAPI: documented by its types, answered by its turn."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Body as TakesBody
from fastapi.routing import APIRoute
from sse_starlette import EventSourceResponse
from starlette.responses import JSONResponse

from .problems import MEDIA_TYPE, ProblemDocument
from .sse import Streaming
from .turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

    from .service import Service

PROBLEMS: Final = {
    400: "The body is no JSON",
    401: "Nobody that the application knows",
    402: "A budget is used up",
    403: "Not allowed, or refused by a hook",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "The body does not fit",
    429: "Over the rate limit; Retry-After says when to come again",
    500: "The endpoint failed",
    502: "The model's side failed or cannot be reached",
    503: "Busy, here or on the model's side",
    504: "No answer in time",
}
RUN_HEADERS: Final = {
    "x-run-id": {"description": "The run's id, 32 hex digits", "schema": {"type": "string"}},
    "traceparent": {"description": "The run's span, as W3C Trace Context", "schema": {"type": "string"}},
}


class RunRoute(APIRoute):
    """A route whose types are FastAPI's to document, and whose requests are runs of ours."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        service: Service = self.endpoint.service  # type: ignore[attr-defined]

        async def handle(request: Request) -> Response:
            turn = Turn(service, request)
            return await (Streaming(turn) if service.endpoint.stream else turn).answer()

        return handle


def add_route(fastapi: FastAPI, service: Service) -> None:
    """Serve an endpoint; at a path that is served already, in the place of the other."""
    endpoint = service.endpoint
    routes = fastapi.router.routes
    routes[:] = [route for route in routes if not (isinstance(route, RunRoute) and route.path == endpoint.path)]
    fastapi.router.add_api_route(
        endpoint.path,
        _documented(service),
        methods=["POST"],
        name=endpoint.name,
        summary=endpoint.name.replace("_", " ").capitalize(),
        description=endpoint.description,
        response_model=None if endpoint.stream else endpoint.answer.type,
        response_class=EventSourceResponse if endpoint.stream else JSONResponse,
        responses={200: _success(service), **_problems()},
        route_class_override=RunRoute,
    )
    fastapi.openapi_schema = None


def document_problems(fastapi: FastAPI) -> None:
    """Have the documentation of the API say what a problem looks like."""

    def openapi() -> dict[str, Any]:
        schema = type(fastapi).openapi(fastapi)
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components.setdefault(ProblemDocument.__name__, ProblemDocument.model_json_schema())
        return schema

    fastapi.openapi = openapi  # type: ignore[method-assign]  # how FastAPI documents that it is done


def _documented(service: Service) -> Any:
    """A function with the signature that the endpoint has for FastAPI, which reads it and never calls it."""

    def documented() -> None:
        """Replaced below by the endpoint's own name and signature."""

    body = service.endpoint.body
    takes = [_parameter(body.type, body.default)] if body.is_taken else []
    documented.__name__ = service.endpoint.name
    documented.__signature__ = inspect.Signature(takes)  # type: ignore[attr-defined]
    documented.service = service  # type: ignore[attr-defined]
    return documented


def _parameter(kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter("body", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[kind, TakesBody()], default=default)


def _success(service: Service) -> dict[str, Any]:
    if not service.endpoint.stream:
        return {"headers": RUN_HEADERS}
    said = "Server-sent events: one without a name for each piece, its JSON as data; then `done`, or `error` with a problem"
    return {
        "headers": RUN_HEADERS,
        "description": said,
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }


def _problems() -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}
    return {
        status: {
            "description": said,
            "headers": RUN_HEADERS,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status, said in PROBLEMS.items()
    }
