"""The two doors of every entry point. They call and wait, and decide nothing; streams go on behind the same two."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import wrapt

from fastagentic.core.guard import never_break
from fastagentic.observe.hooked import async_hooked_door, hooked_door
from fastagentic.observe.reader import Seam

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.observe.observer import Observer
    from fastagentic.observe.reader import EntryPoint, Reader


TRY: Final = never_break("observe a retry")


def door_for(function: object, observer: Observer, reader: Reader, entry: EntryPoint) -> Callable[..., Any]:
    """The wrapt wrapper for a function of a client: the one that awaits if the function does."""
    if entry.seam is Seam.TRIES:
        return _retrying_door(observer, reader, replace(entry, seam=Seam.DOOR))
    if inspect.iscoroutinefunction(function):
        return _async_door(observer, reader, entry)
    return _sync_door(observer, reader, entry)


def _sync_door(observer: Observer, reader: Reader, entry: EntryPoint) -> Callable[..., Any]:
    def door(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = observer.open(reader, entry, instance, args, kwargs)
        if call.hooked is not None:
            return hooked_door(call, wrapped)
        try:
            if call.guarded is not None:
                call.guarded.admit()
            result = wrapped(*call.args, **call.kwargs)
        except BaseException as error:  # cancellation and Ctrl-C end the call too
            call.failed(error)
            raise
        return call.received(result)

    return door


def _async_door(observer: Observer, reader: Reader, entry: EntryPoint) -> Callable[..., Any]:
    async def door(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = observer.open(reader, entry, instance, args, kwargs)
        if call.hooked is not None:
            return await async_hooked_door(call, wrapped)
        try:
            if call.guarded is not None:
                await call.guarded.aadmit()
            result = await wrapped(*call.args, **call.kwargs)
        except BaseException as error:  # cancellation and Ctrl-C end the call too
            call.failed(error)
            raise
        return call.received(result)

    return door


def _retrying_door(observer: Observer, reader: Reader, entry: EntryPoint) -> Callable[..., Any]:
    def door(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        observer.retrying(sys.exception())
        with TRY:
            tried = kwargs.get("original_function")
            if tried is not None:
                kwargs = {**kwargs, "original_function": wrapt.FunctionWrapper(tried, door_for(tried, observer, reader, entry))}
        return wrapped(*args, **kwargs)

    return door
