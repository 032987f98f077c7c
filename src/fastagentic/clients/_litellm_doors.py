"""LiteLLM's doors: every function and Router method that makes an LLM call, one row each, and what a call inside a call is.

The public functions of chat, embeddings, responses and messages look up a global at each call that holds the function named
here; those of the other kinds are plain functions. `Seam.EVERYWHERE` reaches both, and names that were imported early: each
module that holds the function gets ours. Out of reach stay references in `functools.partial`, closures and class attributes;
LiteLLM's own (the Router's) are reached by the Router's rows. Should LiteLLM's Rust bridge take a call one day, it is not seen
by the rows for functions; no release up to 1.109 has one that is switched on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.names import Operation
from fastagentic.observe.reader import EntryPoint, Role, Seam

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastagentic.core.call import LLMCall

_MAIN: Final = "litellm.main"
_IMAGES: Final = "litellm.images.main"
_RERANK: Final = "litellm.rerank_api.main"
_RESPONSES: Final = "litellm.responses.main"
_GOOGLE: Final = "litellm.google_genai.main"

# Where the Anthropic messages live: in 1.104, up to 1.108, from 1.109 on. A release has one of them.
_MESSAGES: Final = tuple(
    f"litellm.llms.anthropic.{home}.handler"
    for home in ("experimental_pass_through.messages", "pass_through.messages", "messages.native")
)

CHAT: Final = (Operation.CHAT, "chat")
COMPLETION: Final = (Operation.TEXT_COMPLETION, "completion")
EMBEDDINGS: Final = (Operation.EMBEDDINGS, "embeddings")
RESPONSES: Final = (Operation.CHAT, "responses")
MESSAGES: Final = (Operation.CHAT, "messages")
IMAGES: Final = (Operation.GENERATE_CONTENT, "images")
GOOGLE: Final = (Operation.GENERATE_CONTENT, "google")
TRANSCRIPTION: Final = (Operation.TRANSCRIPTION, "transcription")
SPEECH: Final = (Operation.SPEECH, "speech")
RERANK: Final = (Operation.RERANK, "rerank")
MODERATION: Final = (Operation.MODERATION, "moderation")

# Module, functions, what they do, the names of their positional arguments.
FUNCTIONS: Final = (
    (_MAIN, ("completion", "acompletion"), CHAT, ("model", "messages")),
    (_MAIN, ("text_completion",), COMPLETION, ("prompt", "model")),
    (_MAIN, ("atext_completion",), COMPLETION, ("model", "prompt")),
    (_MAIN, ("embedding", "aembedding"), EMBEDDINGS, ("model", "input")),
    (_MAIN, ("transcription", "atranscription"), TRANSCRIPTION, ("model", "file")),
    (_MAIN, ("speech", "aspeech"), SPEECH, ("model", "input", "voice")),
    (_MAIN, ("moderation", "amoderation"), MODERATION, ("input", "model")),
    (_IMAGES, ("image_generation", "aimage_generation"), IMAGES, ("prompt", "model")),
    (_IMAGES, ("image_edit",), IMAGES, ("image", "prompt", "model")),
    (_IMAGES, ("aimage_edit",), IMAGES, ("image", "model", "prompt")),
    (_IMAGES, ("image_variation", "aimage_variation"), IMAGES, ("image", "model")),
    (_RERANK, ("rerank", "arerank"), RERANK, ("model", "query", "documents")),
    (_RESPONSES, ("responses", "aresponses", "compact_responses", "acompact_responses"), RESPONSES, ("input", "model")),
    *(
        (home, ("anthropic_messages_handler", "anthropic_messages"), MESSAGES, ("max_tokens", "messages", "model"))
        for home in _MESSAGES
    ),
    (_GOOGLE, ("generate_content", "agenerate_content"), GOOGLE, ("model", "contents")),
    (_GOOGLE, ("generate_content_stream", "agenerate_content_stream"), GOOGLE, ("model", "contents")),
)

# What `num_retries` ends in. The asynchronous ones are handed the bare function that failed, which no door sees.
RETRIES: Final = (
    (_MAIN, ("completion_with_retries", "acompletion_with_retries"), CHAT),
    (_MAIN, ("responses_with_retries", "aresponses_with_retries"), RESPONSES),
)

# From 1.109 on, Router is a facade that serves the methods of the other class; a release has them in one of the two.
ROUTERS: Final = (("litellm.router", "Router"), ("litellm.router_python_core", "PythonCore"))
METHODS: Final = (
    (("completion", "acompletion"), CHAT, ("model", "messages")),
    (("text_completion", "atext_completion"), COMPLETION, ("model", "prompt")),
    (("embedding", "aembedding"), EMBEDDINGS, ("model", "input")),
    (("image_generation", "aimage_generation"), IMAGES, ("prompt", "model")),
    (("atranscription",), TRANSCRIPTION, ("file", "model")),
    (("aspeech",), SPEECH, ("model", "input", "voice")),
    (("arerank",), RERANK, ("model",)),
    (("_pass_through_moderation_endpoint_factory",), MODERATION, ()),  # router.amoderation
    (("_generic_api_call_with_fallbacks", "_ageneric_api_call_with_fallbacks"), (None, ""), ("model", "original_function")),
)

GENERIC: Final[Mapping[str, tuple[Operation, str]]] = {
    "responses": RESPONSES,
    "aresponses": RESPONSES,
    "acompact_responses": RESPONSES,
    "anthropic_messages": MESSAGES,
    "aimage_edit": IMAGES,
    "generate_content": GOOGLE,
    "agenerate_content": GOOGLE,
    "generate_content_stream": GOOGLE,
    "agenerate_content_stream": GOOGLE,
}
"""What the Router's generic methods are handed -> what it does. Whatever else they are handed is no LLM call that we tell."""

ENTRY_POINTS: Final = (
    *(
        EntryPoint(module, name, operation, positional, shape, Seam.EVERYWHERE)
        for module, functions, (operation, shape), positional in FUNCTIONS
        for name in functions
    ),
    *(
        EntryPoint(module, name, operation, (), shape, Seam.TRIES)
        for module, functions, (operation, shape) in RETRIES
        for name in functions
    ),
    *(
        EntryPoint(module, f"{owner}.{name}", operation, positional, shape)
        for module, owner in ROUTERS
        for methods, (operation, shape), positional in METHODS
        for name in methods
    ),
)

# An async function calls its synchronous twin with one of these set.
TWINS: Final = (
    "acompletion", "aembedding", "aimg_generation", "async_call", "atranscription", "aspeech", "arerank", "aresponses",
    "acompact_responses", "agenerate_content", "agenerate_content_stream", "is_async",
)  # fmt: skip

# Made inside another call (by a semantic cache, a guardrail, an auto-router), these are never how that call is made.
APART: Final = frozenset({Operation.EMBEDDINGS, Operation.RERANK, Operation.MODERATION})


def what_of(entry: EntryPoint, arguments: Mapping[str, Any]) -> tuple[Operation, str] | None:
    """Operation and shape of a call; None when it is no LLM call."""
    if entry.operation is not None:
        return entry.operation, entry.shape
    return GENERIC.get(getattr(arguments.get("original_function"), "__name__", ""))


def is_stream(entry: EntryPoint, arguments: Mapping[str, Any]) -> bool:
    """Whether a call streams: it says so, or its function does nothing else."""
    handed = getattr(arguments.get("original_function"), "__name__", "")
    return arguments.get("stream") is True or (handed or entry.attribute).endswith("_stream")


def role(outer: LLMCall | None, entry: EntryPoint, arguments: Mapping[str, Any]) -> Role:
    """The Router and fallbacks try by the public functions; one API is often served by way of another."""
    what = what_of(entry, arguments)
    if what is None:
        return Role.NOTHING
    if outer is None:
        return Role.CALL
    if any(arguments.get(twin) is True for twin in TWINS):
        return Role.NOTHING
    operation, shape = what
    if shape == outer.shape:
        return Role.ATTEMPT
    return Role.CALL if operation in APART else Role.NOTHING
