"""Declaring endpoints: where they are served, what goes in and out of them, and how the API documents itself."""

from __future__ import annotations

import dataclasses
from functools import partial
from types import ModuleType
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from starlette.requests import Request  # noqa: TC002  # read from an annotation

import fastagentic
from fastagentic import App, ConfigError, agent_endpoint, get_endpoints
from fastagentic.context import AgentContext, RunContext  # noqa: TC001  # read from annotations

from .serving import asking, is_problem, post


class Question(BaseModel):
    text: str
    tries: int = 1


class Reply(BaseModel):
    text: str


@dataclasses.dataclass
class Place:
    city: str


def program(source: str) -> ModuleType:
    """A module with this source, run as it is imported."""
    module = ModuleType("program")
    exec(source, vars(module))
    return module


async def test_an_endpoint_declared_before_its_app_is_served() -> None:
    @agent_endpoint("/early")
    async def early(question: Question) -> Reply:
        return Reply(text=question.text)

    app = App(instrument=False)

    assert (await post(app, "/early", {"text": "hi"})).json() == {"text": "hi"}


async def test_an_endpoint_declared_after_its_app_is_served() -> None:
    app = App(instrument=False)

    @agent_endpoint("/late")
    async def late(question: Question) -> Reply:
        return Reply(text=question.text)

    assert (await post(app, "/late", {"text": "hi"})).json() == {"text": "hi"}


SOURCE = """
from fastagentic import App, agent_endpoint

@agent_endpoint("/before")
async def before(text: str) -> str:
    return text

app = App(instrument=False)

@agent_endpoint("/after")
async def after(text: str) -> str:
    return text

def make() -> App:
    return App(instrument=False)
"""


@pytest.mark.parametrize("path", ["/before", "/after"])
async def test_an_app_at_the_top_of_a_module_serves_the_endpoints_of_the_module(path: str) -> None:
    assert (await post(program(SOURCE).app, path, "hi")).json() == "hi"


@pytest.mark.parametrize("path", ["/before", "/after"])
async def test_so_does_one_that_a_function_of_the_module_makes(path: str) -> None:
    assert (await post(program(SOURCE).make(), path, "hi")).json() == "hi"


async def test_an_endpoint_of_elsewhere_is_included_by_its_function_or_its_module() -> None:
    module = program(SOURCE.replace("app = ", "").replace("program", "elsewhere"))
    app = App(instrument=False)
    is_problem(await post(app, "/before", "hi"), 404)

    app.include(module.before, module)

    assert (await post(app, "/before", "hi")).json() == "hi"
    assert (await post(app, "/after", "hi")).json() == "hi"


def test_what_is_no_endpoint_cannot_be_included() -> None:
    with pytest.raises(ConfigError, match="decorated by agent_endpoint"):
        App(instrument=False).include(print)


async def test_an_endpoint_declared_again_takes_the_place_of_the_first() -> None:
    app = App(instrument=False)

    @agent_endpoint("/again")
    async def first() -> str:
        return "first"

    @agent_endpoint("/again")
    async def second() -> str:
        return "second"

    assert (await post(app, "/again")).json() == "second"


async def test_the_function_stays_what_it_was() -> None:
    async def double(number: int) -> int:
        return 2 * number

    assert agent_endpoint("/double")(double) is double
    assert await double(21) == 42


def test_the_declared_endpoints_can_be_asked_for() -> None:
    module = program(SOURCE)

    definition, function = get_endpoints()["/before"]

    assert function is module.before
    assert (definition.path, definition.name, definition.stream) == ("/before", "before", False)


@pytest.mark.parametrize("runnable", [None, ...])
async def test_three_dots_for_a_runnable_mean_the_functions_own_body(runnable: Any) -> None:
    app = App(instrument=False)

    @agent_endpoint("/own", runnable=runnable)
    async def own(question: Question) -> Reply:
        return Reply(text=question.text * question.tries)

    assert (await post(app, "/own", {"text": "ho", "tries": 2})).json() == {"text": "hoho"}


# --- what goes in and out -------------------------------------------------------------------------


async def model(body: Question) -> Reply:
    return Reply(text=body.text)


async def text(body: str) -> str:
    return body


async def several(text: str, tries: int = 2) -> str:
    return text * tries


async def plain(body: dict[str, int]) -> int:
    return sum(body.values())


async def data(body: Place) -> Place:
    return body


async def nothing() -> None:
    return None


async def optional(body: str = "unsaid") -> str:
    return body


async def untyped(body: Any) -> Any:
    return {"got": body}


def sync(body: int) -> int:
    return body + 1


@pytest.mark.parametrize(
    ("function", "sent", "answered"),
    [
        (model, {"text": "hi"}, {"text": "hi"}),
        (text, "hi", "hi"),
        (several, {"text": "ho"}, "hoho"),
        (plain, {"a": 1, "b": 2}, 3),
        (data, {"city": "Oslo"}, {"city": "Oslo"}),
        (nothing, None, None),
        (optional, None, "unsaid"),
        (optional, "said", "said"),
        (untyped, [1], {"got": [1]}),
        (sync, 1, 2),
    ],
)
async def test_the_body_is_the_parameters_own_json_and_the_answer_the_results(function: Any, sent: Any, answered: Any) -> None:
    app = App(instrument=False)
    agent_endpoint("/it")(function)
    app.include(function)

    assert (await post(app, "/it", sent)).json() == answered


async def test_the_models_given_by_name_beat_the_annotations() -> None:
    app = App(instrument=False)

    @agent_endpoint("/named", input_model=Question, output_model=Reply)
    async def echo(body: Any) -> Any:
        return {"text": body.text}

    assert (await post(app, "/named", {"text": "hi"})).json() == {"text": "hi"}
    is_problem(await post(app, "/named", {"no": 1}), 422)


async def test_contexts_are_given_by_annotation_or_name() -> None:
    app = App(title="shop", instrument=False)

    @agent_endpoint("/contexts")
    async def contexts(text: str, ctx, run: RunContext, agent: AgentContext, asked: Request) -> dict[str, Any]:  # type: ignore[no-untyped-def]
        assert agent.app is app
        assert agent.request is asked
        return {"ids": {ctx.run_id, run.run_id, agent.run_id}, "endpoint": run.endpoint, "calls": agent.usage.input_tokens}

    answer = await post(app, "/contexts", "hi")

    assert answer.json() == {"ids": [answer.headers["x-run-id"]], "endpoint": "contexts", "calls": 0}


# --- runnables ------------------------------------------------------------------------------------


class WithInvoke:
    """As LangChain's and LangGraph's are: text, or a dict of what is in the model."""

    def __init__(self) -> None:
        self.got: Any = None

    def invoke(self, body: Any) -> Any:
        self.got = body
        return {"text": "invoked"}


class WithAinvoke(WithInvoke):
    async def ainvoke(self, body: Any) -> Any:
        self.got = body
        return {"text": "awaited"}


class WithRun:
    def run(self, body: Any) -> Any:
        return "run"


class Callable:
    async def __call__(self, body: Question) -> Reply:
        return Reply(text=f"called with {body.text}")


@pytest.mark.parametrize(
    ("runnable", "said"),
    [
        (WithInvoke(), "invoked"),
        (WithAinvoke(), "awaited"),
        (WithRun(), "run"),
        (Callable(), "called with hi"),
        (lambda body: body.text, "hi"),
        (partial(lambda prefix, body: prefix + body.text, "par"), "parhi"),
        (model, "hi"),
    ],
    ids=["invoke", "ainvoke", "run", "callable object", "lambda", "partial", "function"],
)
async def test_a_runnable_answers_in_the_functions_place(runnable: Any, said: str) -> None:
    app = App(instrument=False)

    @agent_endpoint("/run", runnable=runnable)
    async def stands_for(question: Question) -> Reply: ...

    assert (await post(app, "/run", {"text": "hi"})).json() == {"text": said}


async def test_a_runnable_gets_plain_data() -> None:
    app, runnable = App(instrument=False), WithAinvoke()

    @agent_endpoint("/run", runnable=runnable)
    async def stands_for(question: Question) -> Reply: ...

    await post(app, "/run", {"text": "hi"})

    assert runnable.got == {"text": "hi", "tries": 1}


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "ask"}, "begins with '/'"),
        ({"path": "/a", "runnable": 3}, "ainvoke, invoke or run"),
        ({"path": "/a", "retry": "often"}, "number of attempts"),
        ({"path": "/a", "retry": {"attempt": 3}}, "it takes attempts, wait, max_wait"),
        ({"path": "/a", "retry": 0}, "attempts is 0"),
        ({"path": "/a", "fallback": "gpt-4o"}, "list of models"),
        ({"path": "/a", "rate_limit": {"rps": 3}}, "it takes rpm, tpm, by, storage"),
        ({"path": "/a", "rate_limit": {}}, "limits nothing"),
        ({"path": "/a", "rate_limit": {"rpm": 0}}, "rpm is 0"),
        ({"path": "/a", "rate_limit": {"rpm": 1, "by": "moon"}}, "by is 'moon'"),
        ({"path": "/a", "rate_limit": {"rpm": 1, "storage": "floppy://"}}, "storage cannot be used"),
        ({"path": "/a", "timeout": 0}, "more than 0"),
        ({"path": "/a", "hooks": ["on_request"]}, "hooks"),
        ({"path": "/a", "scopes": "admin"}, "it takes a list"),
    ],
    ids=str,
)
def test_a_mistake_is_named_where_it_is_made(arguments: dict[str, Any], said: str) -> None:
    async def ask(text: str) -> str:
        return text

    with pytest.raises(ConfigError, match=said):
        agent_endpoint(**arguments)(ask)


def test_a_generator_must_say_that_it_streams() -> None:
    async def pieces(text: str) -> Any:
        yield text

    with pytest.raises(ConfigError, match="stream=True"):
        agent_endpoint("/pieces")(pieces)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"max_concurrent": 0}, "max_concurrent"),
        ({"max_body": "much"}, "max_body"),
        ({"telemetry": 3}, "telemetry"),
        ({"timeout": -1}, "timeout"),
        ({"hooks": [3]}, "hooks"),
    ],
    ids=str,
)
def test_so_is_an_apps(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        App(**arguments)


# --- the App around them --------------------------------------------------------------------------


async def test_the_documentation_of_the_api_is_complete() -> None:
    app = App(title="Shop", version="2.1", description="Answers", instrument=False)

    @agent_endpoint("/ask", description="Ask it.")
    async def ask(question: Question) -> Reply:
        return Reply(text="")

    @agent_endpoint("/tell", stream=True)
    async def tell(kind: Literal["a", "b"]) -> Any:
        yield kind

    async with asking(app) as client:
        found = (await client.get("/openapi.json")).json()
        assert (await client.get("/docs")).status_code == 200

    assert found["info"] == {"title": "Shop", "version": "2.1", "description": "Answers"}
    operation = found["paths"]["/ask"]["post"]
    assert operation["description"] == "Ask it."
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Question"}
    assert operation["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Reply"}
    refusals = {"400", "401", "402", "403", "413", "415", "422", "429"}
    assert set(operation["responses"]) == {"200", *refusals, "500", "502", "503", "504"}
    problem = operation["responses"]["422"]["content"]["application/problem+json"]["schema"]
    assert problem == {"$ref": "#/components/schemas/ProblemDocument"}
    assert {"Question", "Reply", "ProblemDocument"} <= set(found["components"]["schemas"])
    assert set(found["paths"]["/tell"]["post"]["responses"]["200"]["content"]) == {"text/event-stream"}


async def test_health_is_there_at_once_and_ready_from_the_start_to_the_end() -> None:
    app = App(instrument=False)

    async with asking(app.fastapi) as client:  # without the App around it, which starts with the first request
        assert (await client.get("/health")).json() == {"status": "ok"}
        is_problem(await client.get("/ready"), 503)
        async with app.fastapi.router.lifespan_context(app.fastapi):
            assert (await client.get("/ready")).json() == {"status": "ready"}
        is_problem(await client.get("/ready"), 503)


async def test_an_app_instruments_on_start_up_and_not_before(memory: Any) -> None:
    telemetry = {"destinations": [], "tracer_provider": memory.tracer_provider, "meter_provider": memory.meter_provider}
    app = App(telemetry=telemetry)

    @agent_endpoint("/ask")
    async def ask() -> bool:
        import litellm

        answer = await litellm.acompletion("gpt-4o-mini", [{"role": "user", "content": "hi"}], mock_response="ho")
        return bool(answer)

    from fastagentic import _api

    assert _api._current is None
    assert (await post(app, "/ask")).json() is True
    assert [span.name for span in memory.spans] == ["chat gpt-4o-mini", "invoke_agent ask"]


@pytest.mark.parametrize("off", [{"instrument": False}, {"telemetry": False}])
async def test_unless_it_is_told_not_to(off: dict[str, Any]) -> None:
    from fastagentic import _api

    async with asking(App(**off)) as client:
        await client.get("/health")

    assert _api._current is None


async def test_another_application_can_be_mounted_and_an_app_can_be_mounted_in_another() -> None:
    inner, outer = App(title="inner", instrument=False), App(title="outer", instrument=False)

    async def inside() -> str:
        return "inside"

    inner.include(agent_endpoint("/it")(inside))
    outer.mount("/below", inner)

    assert (await post(outer, "/below/it")).json() == "inside"


async def test_the_routes_of_ones_own_answer_with_problems_too() -> None:
    app = App(instrument=False)

    @app.fastapi.get("/number/{number}")
    async def number(number: int) -> int:
        return number

    async with asking(app) as client:
        assert (await client.get("/number/3")).json() == 3
        document = is_problem(await client.get("/number/three"), 422)
        is_problem(await client.delete("/number/3"), 405)

    assert document["errors"][0]["loc"] == ["path", "number"]


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import importlib.util
    import sys

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "limits" else found(name, *rest))
    monkeypatch.delitem(sys.modules, "fastagentic.app")

    with pytest.raises(ImportError, match=r"limits, which is not installed: pip install 'fastagentic\[app\]'"):
        importlib.import_module("fastagentic.app")


def test_the_front_door_has_them() -> None:
    assert {"App", "agent_endpoint", "get_endpoints"} <= set(fastagentic.__all__)
