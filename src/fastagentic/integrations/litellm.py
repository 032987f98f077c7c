"""`LiteLLMGateway`: the fallbacks, retries and metadata of LiteLLM's calls, written down once and lent to each of them."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastagentic.clients.litellm import lent_arguments
from fastagentic.core.errors import ConfigError
from fastagentic.gateways.lent import Lent
from fastagentic.observe.context import current_run
from fastagentic.observe.lending import LendingContext

from ._metadata import Resolved

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTIONS: Final = {
    "completion": "chat",
    "acompletion": "chat",
    "text_completion": "completion",
    "atext_completion": "completion",
    "embedding": "embeddings",
    "aembedding": "embeddings",
}
"""LiteLLM's functions that are lent something -> the shape of their answers, which says what they take."""


class LiteLLMGateway:
    """LiteLLM as an `App`, an endpoint or a run uses it.

    Inside the run every call of `litellm` borrows from it what it does not say itself.

    Args:
        model: what `client()` asks for where a call names no model; None: the first of `fallback_models`.
        fallback_models: asked in turn when the call's own model fails; texts, or mappings of a call's arguments.
        num_retries: how often a call is tried again.
        timeout: seconds that one try may take.
        metadata: what LiteLLM's callbacks see of each call, the run's id as `trace_id` among it. A value may be a callable of
            the run's context; one that raises is left out, with one warning.
        user: the end user's id, sent to the provider; may be a callable of the run's context.
        cache: `True`: let `litellm.cache` answer; a mapping: LiteLLM's per-call controls, such as `{"ttl": 60}`.
        api_base: a LiteLLM proxy, or another host that answers all models.
        api_key: its key. Both are lent together, and to no call that names a host or key of its own.

    Raises: ConfigError that names the argument with a mistake and the way out.

    Example:
        >>> LiteLLMGateway(fallback_models=["gpt-4o", "claude-3-sonnet"], num_retries=2)
        LiteLLMGateway(fallback_models=['gpt-4o', 'claude-3-sonnet'], num_retries=2)
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        fallback_models: Sequence[str | Mapping[str, Any]] | None = None,
        num_retries: int | None = None,
        timeout: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        user: str | Callable[[Any], Any] | None = None,
        cache: bool | Mapping[str, Any] | None = None,
        api_base: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self._fallbacks = _models(fallback_models)
        self._model = model or next((one for one in self._fallbacks if isinstance(one, str)), None)
        shown = {"model": model, "fallback_models": _names(self._fallbacks), "num_retries": num_retries, "timeout": timeout}
        self._shown = {name: value for name, value in shown.items() if value}
        self._metadata = Resolved("LiteLLMGateway(metadata=...)", metadata or {})
        self._user = Resolved("LiteLLMGateway(...)", {"user": user})
        self._arguments: dict[str, Any] = {
            "fallbacks": self._fallbacks or None,
            "num_retries": _at_least("num_retries", num_retries, 0),
            "timeout": _at_least("timeout", timeout, 0),
            "caching": True if cache else None,
            "cache": dict(cache) if isinstance(cache, Mapping) else None,
            "api_base": api_base,
            "api_key": api_key,
        }

    def __repr__(self) -> str:
        return f"LiteLLMGateway({', '.join(f'{name}={value!r}' for name, value in self._shown.items())})"

    def __reduce__(self) -> Any:
        raise TypeError("LiteLLMGateway may hold keys and is not pickled; make it in the process that uses it")

    def __copy__(self) -> LiteLLMGateway:
        return self  # it does not change

    def __deepcopy__(self, _: Any) -> LiteLLMGateway:
        return self

    def lend(self, ctx: Any) -> Lent:
        """What a call in the run of this context is lent."""
        metadata = self._metadata.of(ctx)
        if ctx is not None:
            metadata.setdefault("trace_id", ctx.run_id)
        varying = {"metadata": metadata or None, **self._user.of(ctx)}
        return Lent(arguments={name: value for name, value in {**self._arguments, **varying}.items() if value is not None})

    def client(self) -> LiteLLMClient:
        """LiteLLM's functions, told all of this: `gateway.client().completion(messages=[...])`."""
        return LiteLLMClient(self, self._model)

    async_client = client


class LiteLLMClient:
    """The module `litellm` as a client of a gateway: its functions, sync and async, with what the gateway lends."""

    def __init__(self, gateway: LiteLLMGateway, model: str | None) -> None:
        self._gateway = gateway
        self._model = model

    def __repr__(self) -> str:
        return f"LiteLLMClient({self._gateway!r})"

    def __getattr__(self, name: str) -> Any:
        function = getattr(_litellm(), name)
        shape = FUNCTIONS.get(name)
        return function if shape is None else functools.wraps(function)(functools.partial(self._call, function, shape))

    def _call(self, function: Callable[..., Any], shape: str, *args: Any, **kwargs: Any) -> Any:
        run = current_run()
        lent = self._gateway.lend(None if run is None else LendingContext(run))
        model = {} if args or "model" in kwargs or self._model is None else {"model": self._model}
        given = {**model, **kwargs}
        known = given if not args or "model" in given else {**given, "model": args[0]}
        return function(*args, **{**given, **lent_arguments(lent, shape, known)})


def _models(models: Any) -> list[Any]:
    if isinstance(models, (str, Mapping)) or (models is not None and not isinstance(models, Sequence)):
        raise ConfigError(f"LiteLLMGateway(fallback_models=...) is a {type(models).__name__}; it takes a list of models")
    for at, model in enumerate(models or ()):
        if not isinstance(model, (str, Mapping)) or not model:
            raise ConfigError(
                f"LiteLLMGateway(fallback_models=...): [{at}] is a {type(model).__name__}; it takes a model's name, or a "
                "mapping of arguments with one"
            )
    return [model if isinstance(model, str) else dict(model) for model in models or ()]


def _names(models: list[Any]) -> list[str]:
    return [model if isinstance(model, str) else str(model.get("model", "...")) for model in models]


def _at_least(name: str, value: Any, least: int) -> Any:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and value >= least):
        return value
    raise ConfigError(f"LiteLLMGateway({name}=...) is {value!r}; it takes a number, {least} or more")


def _litellm() -> Any:
    try:
        return importlib.import_module("litellm")
    except ImportError as error:
        message = "LiteLLMGateway's client needs litellm, which is not installed: pip install 'fastagentic[litellm]'"
        raise ImportError(message) from error
