"""What an endpoint takes and gives, read once from its function's annotations: one body, perhaps a context, an answer.

A body of one parameter is that parameter's own JSON, not wrapped; several parameters are the fields of one object.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints

from pydantic import BaseModel, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError, create_model
from starlette.requests import Request

from fastagentic.context import AgentContext, RunContext
from fastagentic.core.errors import ConfigError

from .problems import InvalidAnswer, InvalidBody, MalformedJSON, faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTEXTS: Final = (AgentContext, RunContext, Request)
CONTEXT_NAMES: Final = {"ctx": AgentContext, "context": AgentContext, "request": Request}
"""What a parameter of no certain type is by its name."""

MISSING: Final = inspect.Parameter.empty

STREAMS: Final = (
    collections.abc.AsyncIterator, collections.abc.AsyncGenerator, collections.abc.AsyncIterable,
    collections.abc.Iterator, collections.abc.Generator, collections.abc.Iterable,
)  # fmt: skip

OFTEN_UNSEEN: Final = {kind.__name__: kind for kind in STREAMS}
"""Imported for type checkers alone in many a module, and of no consequence but for what is in their brackets."""


@dataclass(slots=True, frozen=True)
class Shape:
    """A function's parameters by what they are for, and the type of its answer (of one piece of it, where it streams)."""

    body: Mapping[str, inspect.Parameter]
    contexts: Mapping[str, type]
    answer: Any

    def arguments(self, value: Any, contexts: Callable[[type], Any]) -> dict[str, Any]:
        """How the function is called with this body."""
        given = {name: contexts(kind) for name, kind in self.contexts.items()}
        if len(self.body) == 1:
            return {next(iter(self.body)): value, **given}
        return given if not self.body else {**{name: getattr(value, name) for name in self.body}, **given}


def shape_of(function: Callable[..., Any], known: Mapping[str, Any] | None = None) -> Shape:
    """Read a function. `known`: names that its annotations may use beside those of its module."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in, or written in C
        return Shape({}, {}, Any)
    hints = _hints(function, known)
    body, contexts = {}, {}
    for name, parameter in parameters.items():
        kind = hints.get(name, Any)
        if kind is Any:
            kind = CONTEXT_NAMES.get(name, Any)
        if isinstance(kind, type) and issubclass(kind, CONTEXTS):
            contexts[name] = kind
        elif parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            body[name] = parameter.replace(annotation=kind)
    return Shape(body, contexts, _answer(hints.get("return", Any)))


class Body:
    """The type of a request's body: from bytes to what the endpoint is given."""

    def __init__(self, path: str, name: str, shape: Shape, model: Any = None) -> None:
        self.type = model if model is not None else _body_type(name, shape)
        self.is_taken = model is not None or bool(shape.body)
        self._adapter = _adapter(path, self.type, "body", "input_model")
        self.default = next(iter(shape.body.values())).default if len(shape.body) == 1 else MISSING

    def read(self, raw: bytes) -> Any:
        """What was sent. Raises: MalformedJSON, InvalidBody."""
        if not self.is_taken:
            return None
        if not raw and self.default is not MISSING:
            return self.default
        try:
            return self._adapter.validate_json(raw)
        except ValidationError as error:
            found = faults(error)
        if found[0]["type"] == "json_invalid":
            raise MalformedJSON(found[0]["msg"])
        raise InvalidBody("the body does not fit this endpoint", errors=found)

    def check(self, value: Any) -> Any:
        """What a hook put in its place. Raises: InvalidBody."""
        try:
            return self._adapter.validate_python(_plain(value))
        except ValidationError as error:
            found = faults(error)
        raise InvalidBody("a hook changed the body to one that does not fit this endpoint", errors=found)


class Answer:
    """The type of an answer, or of one piece of a streamed one."""

    def __init__(self, path: str, shape: Shape, model: Any = None) -> None:
        self.type = shape.answer if model is None else model
        self._adapter = _adapter(path, self.type, "answer", "output_model")
        self._field = _only_field(self.type)

    def check(self, value: Any) -> Any:
        """An answer that fits; a bare value is put into a model of one field. Raises: InvalidAnswer."""
        try:
            return self._adapter.validate_python(self._fitted(value))
        except ValidationError as error:
            found = faults(error)
        raise InvalidAnswer("the endpoint's answer does not fit its own model", errors=found)

    def write(self, value: Any) -> bytes:
        """As JSON."""
        return self._adapter.dump_json(value, by_alias=True)

    def _fitted(self, value: Any) -> Any:
        if type(value) is self.type:
            return value
        if self._field is not None and not isinstance(value, (dict, BaseModel)):
            return {self._field: value}
        return _plain(value) if self.type is not Any else value


def bare(value: Any) -> Any:
    """What a model of one field holds; anything else as it is."""
    field = _only_field(type(value))
    return value if field is None else getattr(value, field)


def _plain(value: Any) -> Any:
    """A model as plain data, so that it can become another one."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


def _only_field(kind: Any) -> str | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel) and len(kind.model_fields) == 1:
        return next(iter(kind.model_fields))
    return None


def _hints(function: Callable[..., Any], known: Mapping[str, Any] | None) -> dict[str, Any]:
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return get_type_hints(target, localns={**OFTEN_UNSEEN, **_vars_of(target), **(known or {})}, include_extras=True)
    except NameError as error:
        raise ConfigError(
            f"endpoint {getattr(function, '__qualname__', function)!r}: {error.name} in its annotations is not known here; "
            "define it before the endpoint, outside `if TYPE_CHECKING:`"
        ) from None


def _vars_of(function: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
    return found


def _answer(hint: Any) -> Any:
    if get_origin(hint) in STREAMS:
        return get_args(hint)[0]
    return Any if hint in STREAMS else hint


def _body_type(name: str, shape: Shape) -> Any:
    if not shape.body:
        return None
    if len(shape.body) == 1:
        return next(iter(shape.body.values())).annotation
    fields: dict[str, Any] = {
        field: (one.annotation, ... if one.default is one.empty else one.default) for field, one in shape.body.items()
    }
    return create_model(f"{''.join(part.title() for part in name.split('_'))}Body", **fields)


def _adapter(path: str, kind: Any, what: str, argument: str) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(kind)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise ConfigError(
            f"agent_endpoint({path!r}): its {what} is {kind!r}, of which JSON knows nothing; annotate a pydantic model, a "
            f"dataclass or a plain type, or give {argument}= ({str(error).splitlines()[0]})"
        ) from None
