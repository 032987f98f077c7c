"""`/api/v1/...`: the answers as JSON, their tables as CSV. What it takes and gives is in `/api/v1/openapi.json`."""

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from .answers.health import FINDING_NAMES, Doctor, Health, health
from .answers.run import RunDetails, run
from .asking import Desk
from .export import csv_of
from .problems import MEDIA_TYPE, Problem, documented
from .questions import QUESTIONS, Question

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import FastAPI

VERSION: Final = "/api/v1"
OPENAPI: Final = f"{VERSION}/openapi.json"
PROBLEMS: Final = documented(400, 401, 403, 422, 503)
CSV: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}

Named = Annotated[str, Path(description="The run's id, a UUID's spelling of it, your own id, or the first 6 digits or more")]


def api(desk: Desk, doctor: Doctor) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix=VERSION)
    for question in QUESTIONS:
        router.add_api_route(
            f"/{question.name}",
            _as_json(desk, question),
            response_model=question.model,
            responses=PROBLEMS,
            summary=question.summary,
            operation_id=question.name,
            tags=["calls"],
        )
        if question.lines is not None:
            router.add_api_route(
                f"/{question.name}.csv",
                _as_csv(desk, question),
                response_class=Response,
                responses=CSV | PROBLEMS,
                summary=f"{question.summary}, as CSV",
                operation_id=f"{question.name}.csv",
                tags=["calls"],
            )
    _add_run(router, desk)
    _add_health(router, desk, doctor)
    return router


def _as_json(desk: Desk, question: Question) -> "Callable[..., Coroutine[Any, Any, Any]]":
    async def answered(query: Annotated[question.query, Query()]) -> Any:  # type: ignore[name-defined]
        return await desk.ask(lambda connection, now_ns: question.answer(connection, query, now_ns))

    return answered


def _as_csv(desk: Desk, question: Question) -> "Callable[..., Coroutine[Any, Any, Response]]":
    async def exported(query: Annotated[question.query, Query()]) -> Response:  # type: ignore[name-defined]
        found = await desk.ask(lambda connection, now_ns: question.answer(connection, query, now_ns))
        return csv_of(question.name, question.columns, question.lines(found) if question.lines is not None else ())

    return exported


def _add_run(router: APIRouter, desk: Desk) -> None:
    @router.get(
        "/runs/{run_id}", response_model=RunDetails, responses=PROBLEMS | documented(404),
        summary="One run with all of its spans", operation_id="run", tags=["calls"],
    )  # fmt: skip
    async def one_run(run_id: Named) -> Any:
        return await desk.ask(lambda connection, _: run(connection, run_id))


def _add_health(router: APIRouter, desk: Desk, doctor: Doctor) -> None:
    @router.get(
        "/health", response_model=Health, responses=PROBLEMS,
        summary="The store, what waits, what was lost, what the doctor found", operation_id="health", tags=["health"],
    )  # fmt: skip
    async def how_it_is() -> Any:
        return await desk.ask(lambda connection, _: health(connection, doctor))

    @router.get(
        "/findings.csv", response_class=Response, responses=CSV | PROBLEMS,
        summary="What the doctor found, as CSV", operation_id="findings.csv", tags=["health"],
    )  # fmt: skip
    async def findings() -> Response:
        found = await desk.ask(lambda connection, _: health(connection, doctor))
        return csv_of("findings", FINDING_NAMES, [finding.model_dump(mode="json") for finding in found.findings])


def document(fastapi: "FastAPI") -> None:
    """Have the API's document say what a problem is, and nothing of FastAPI's own errors, which nobody is answered."""

    def openapi() -> dict[str, Any]:
        if fastapi.openapi_schema is None:
            schema = type(fastapi).openapi(fastapi)
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas[Problem.__name__] = Problem.model_json_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for operation in (one for path in schema["paths"].values() for one in path.values()):
                operation["responses"].pop("422", None) if MEDIA_TYPE not in str(operation["responses"].get("422")) else None
        return fastapi.openapi_schema or {}

    fastapi.openapi = openapi  # type: ignore[method-assign]  # how FastAPI documents that it is done
