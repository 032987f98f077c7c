"""What an endpoint runs: the function itself, or the runnable that it stands for, whatever it is made with.

A runner is called with the body and a way to make contexts, and gives the answer, or the pieces of a streamed one. Other
people's classes are known by what they can do, so that none of them is imported.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio.to_thread
from pydantic import BaseModel, TypeAdapter
from starlette.concurrency import iterate_in_threadpool

from fastagentic.core.errors import ConfigError

from .bodies import bare, shape_of

if TYPE_CHECKING:
    from .bodies import Shape

Contexts = Callable[[type], Any]


class Runner(Protocol):
    """Gives the answer to a body: to be awaited, or to be iterated where it streams."""

    def __call__(self, body: Any, contexts: Contexts) -> Any:
        """A coroutine; where the endpoint streams, an async iterator."""


WAITED_FOR: Final = ("ainvoke", "arun")
CALLED: Final = ("invoke", "run")
"""Methods of a runnable, best first; what they return is awaited when it can be."""


def runner_of(path: str, answers: Any, function: Any, shape: Shape, *, streams: bool) -> Runner:
    """The runner of what answers at an endpoint. Raises: ConfigError for what cannot be run."""
    if answers is function:
        return _of_function(function, shape, streams)
    if inspect.isroutine(answers) or isinstance(answers, partial):
        return _of_function(answers, shape_of(answers), streams)
    if _is_pydantic_ai(answers):
        return partial(_pydantic_ai_pieces if streams else _pydantic_ai, answers)
    for name in ("astream", "stream") if streams else ():
        if callable(method := getattr(answers, name, None)):
            return partial(_pieces, method)
    for name in (*WAITED_FOR, *CALLED):
        if callable(method := getattr(answers, name, None)):
            return _streaming(partial(_called, method)) if streams else partial(_called, method)
    if callable(answers):
        return _of_function(answers, shape_of(answers), streams)
    raise ConfigError(
        f"agent_endpoint({path!r}, runnable=...) is a {type(answers).__qualname__}; it takes a callable, or an object with "
        "ainvoke, invoke or run"
    )


def streams_by_itself(answers: Any) -> bool:
    """Whether it is a function that yields."""
    return inspect.isasyncgenfunction(answers) or inspect.isgeneratorfunction(answers)


# --- functions ------------------------------------------------------------------------------------


def _of_function(function: Callable[..., Any], shape: Shape, streams: bool) -> Runner:
    async def answer(body: Any, contexts: Contexts) -> Any:
        return await _result(partial(function, **shape.arguments(body, contexts)), function)

    return _streaming(answer) if streams else answer


async def _result(call: Callable[[], Any], function: Any) -> Any:
    """What a call gives: awaited if it is to be, on a thread if it would block."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function) or _awaits(function):
        found = call()
    else:
        found = await anyio.to_thread.run_sync(call, abandon_on_cancel=True)
    return await found if inspect.isawaitable(found) else found


def _awaits(function: Any) -> bool:
    return inspect.iscoroutinefunction(getattr(function, "func", None) or getattr(type(function), "__call__", None))  # noqa: B004


def _streaming(answer: Runner) -> Runner:
    """The pieces of what an endpoint gives: yields of a generator, chunks of a stream that it returns, or its one answer."""

    async def pieces(body: Any, contexts: Contexts) -> AsyncIterator[Any]:
        found = await answer(body, contexts)
        async for piece in _each(found):
            yield piece

    return pieces


async def _each(found: Any) -> AsyncIterator[Any]:
    if hasattr(found, "__aiter__"):
        iterator = aiter(found)
    elif isinstance(found, Iterator) or inspect.isgenerator(found) or hasattr(found, "__next__"):
        iterator = aiter(iterate_in_threadpool(found))
    else:
        yield found
        return
    try:
        async for piece in iterator:
            yield piece
    finally:
        close = getattr(found, "aclose", None)
        if close is not None:
            await close()


# --- LangChain, LangGraph, and what looks like them -----------------------------------------------


async def _called(method: Callable[..., Any], body: Any, contexts: Contexts) -> Any:
    return _content(await _result(partial(method, _plain(body)), method))


async def _pieces(method: Callable[..., Any], body: Any, contexts: Contexts) -> AsyncIterator[Any]:
    async for piece in _each(await _result(partial(method, _plain(body)), method)):
        yield _content(piece)


def _plain(body: Any) -> Any:
    """A body as these take it: text, or a dict of what is in it."""
    return body.model_dump() if isinstance(body, BaseModel) else body


def _content(answer: Any) -> Any:
    """The text of a LangChain message; anything else as it is."""
    content = getattr(answer, "content", None)
    return content if isinstance(content, str) and hasattr(answer, "response_metadata") else answer


# --- PydanticAI -----------------------------------------------------------------------------------


def _is_pydantic_ai(answers: Any) -> bool:
    return any(kind.__module__.partition(".")[0] == "pydantic_ai" for kind in type(answers).__mro__)


async def _pydantic_ai(agent: Any, body: Any, contexts: Contexts) -> Any:
    return (await agent.run(_prompt(body))).output


async def _pydantic_ai_pieces(agent: Any, body: Any, contexts: Contexts) -> AsyncIterator[Any]:
    async with agent.run_stream(_prompt(body)) as result:
        async for piece in result.stream_text(delta=True):
            yield piece


def _prompt(body: Any) -> str:
    """A body as a prompt: text as it is, also from a model of one field; anything else as JSON."""
    text = bare(body)
    return text if isinstance(text, str) else TypeAdapter(Any).dump_json(body).decode()
