"""The pages. Each asks for its answers on one snapshot of the store, and a template shows them."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from fastagentic.core.names import Outcome
from fastagentic.store.queries.choices import choices
from fastagentic.store.queries.dimensions import GroupBy
from fastagentic.store.queries.runs import RunOrder
from fastagentic.store.queries.sql import Reader

from . import views
from .answers.compare import CompareQuery, compare
from .answers.costs import SeriesQuery, costs, series
from .answers.health import Doctor, health
from .answers.models import models
from .answers.overview import overview
from .answers.run import run
from .answers.runs import RunsQuery, runs
from .answers.what_if import WhatIfQuery, what_if
from .asking import Desk, news_of
from .links import links
from .query import FILTERS, SHORTCUTS, GroupedQuery, ScopeQuery, Shown
from .rendering import page

TOP: Final = 6
MOST_GROUPS: Final = 20
STACKS: Final = (GroupBy.MODEL, GroupBy.PROVIDER, GroupBy.USER, GroupBy.GATEWAY, GroupBy.ENDPOINT, GroupBy.TAG)
CHOSEN: Final = (GroupBy.MODEL, GroupBy.PROVIDER, GroupBy.GATEWAY)
COMPARED: Final = (
    GroupBy.MODEL,
    GroupBy.PROVIDER,
    GroupBy.USER,
    GroupBy.ENDPOINT,
    GroupBy.TENANT,
    GroupBy.TAG,
    GroupBy.OUTCOME,
)


class OverviewQuery(SeriesQuery):
    """The overview: what its chart shows."""

    show: Shown = Field(Shown.COST, description="What the chart shows")


def pages(desk: Desk, doctor: Doctor) -> APIRouter:
    """The routes."""
    router = APIRouter()
    _add_overview(router, desk)
    _add_runs(router, desk)
    _add_models(router, desk)
    _add_what_if(router, desk)
    _add_health(router, desk, doctor)
    return router


def common(connection: Reader, query: ScopeQuery) -> dict[str, Any]:
    """What every page with filters knows: they themselves, and what may be chosen."""
    return {
        "query": query,
        "kept": query.kept,
        "shortcuts": SHORTCUTS,
        "filters": {name: str(value) for name in FILTERS if (value := getattr(query, name)) is not None},
        "choices": {by.value: choices(connection, by) for by in CHOSEN} | {"outcome": [outcome.value for outcome in Outcome]},
        "news": news_of(connection),
    }


def _add_overview(router: APIRouter, desk: Desk) -> None:
    @router.get("/")
    async def first(request: Request, query: Annotated[OverviewQuery, Query()]) -> Response:
        def asked(connection: Reader, now_ns: int) -> dict[str, Any]:
            users = GroupedQuery.model_validate(query.model_dump(include=set(ScopeQuery.model_fields)) | {"by": GroupBy.USER})
            dearest = RunsQuery.model_validate(
                query.model_dump(include=set(ScopeQuery.model_fields)) | {"sort": RunOrder.COST, "limit": TOP}
            )
            over_time = series(connection, query, now_ns)
            return common(connection, query) | {
                "found": overview(connection, query, now_ns),
                "series": over_time,
                "chart": views.chart_rows(over_time, query.show),
                "groups": costs(connection, query, now_ns),
                "users": costs(connection, users, now_ns),
                "runs": runs(connection, dearest, now_ns).rows,
                "stacks": STACKS,
                "most": MOST_GROUPS,
            }

        return page(request, "overview.html", **await desk.ask(asked))


def _add_runs(router: APIRouter, desk: Desk) -> None:
    @router.get("/runs")
    async def all_runs(request: Request, query: Annotated[RunsQuery, Query()]) -> Response:
        def asked(connection: Reader, now_ns: int) -> dict[str, Any]:
            found = runs(connection, query, now_ns)
            return common(connection, query) | {"found": found, "around": views.around(found.page, found.pages)}

        return page(request, "runs.html", **await desk.ask(asked))

    @router.get("/runs/{run_id}")
    async def one_run(request: Request, run_id: str) -> Response:
        def asked(connection: Reader, _: int) -> dict[str, Any]:
            return {"found": run(connection, run_id), "news": news_of(connection)}

        values = await desk.ask(asked)
        found = values["found"]
        trace_id = found.spans[0].trace_id if found.spans else found.run.run_id
        return page(
            request, "run.html", bars=views.waterfall(found), most=views.MOST_SPANS, links=links(trace_id), **values
        )  # fmt: skip


def _add_models(router: APIRouter, desk: Desk) -> None:
    @router.get("/models")
    async def all_models(request: Request, query: Annotated[ScopeQuery, Query()]) -> Response:
        def asked(connection: Reader, now_ns: int) -> dict[str, Any]:
            return common(connection, query) | {"found": models(connection, query, now_ns)}

        return page(request, "models.html", **await desk.ask(asked))

    @router.get("/compare")
    async def two_sides(request: Request, query: Annotated[CompareQuery, Query()]) -> Response:
        def asked(connection: Reader, now_ns: int) -> dict[str, Any]:
            return common(connection, query) | {
                "found": compare(connection, query, now_ns),
                "compared": COMPARED,
                "most": MOST_GROUPS,
            }

        return page(request, "compare.html", **await desk.ask(asked))


def _add_what_if(router: APIRouter, desk: Desk) -> None:
    @router.get("/what-if")
    async def otherwise(request: Request, query: Annotated[WhatIfQuery, Query()]) -> Response:
        def asked(connection: Reader, now_ns: int) -> dict[str, Any]:
            return common(connection, query) | {"found": what_if(connection, query, now_ns)}

        return page(request, "what_if.html", **await desk.ask(asked))


def _add_health(router: APIRouter, desk: Desk, doctor: Doctor) -> None:
    @router.get("/health")
    async def how_it_is(request: Request) -> Response:
        def asked(connection: Reader, _: int) -> dict[str, Any]:
            return {"found": health(connection, doctor), "news": news_of(connection)}

        return page(request, "health.html", **await desk.ask(asked))
