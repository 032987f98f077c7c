"""The installed SDKs are walked by introspection: what could make an LLM call is in our tables, or an exception with a reason.

When a new release brings a function, a Router method or a path, one of these fails and names it.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import litellm
from litellm import _lazy_imports_registry

from fastagentic.clients import _litellm_doors as doors
from fastagentic.clients.portkey import PATHS, what_of
from tests.clients import every_door

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A pattern for `module:function` of LiteLLM, and why it is no door.
LITELLM_EXCEPTIONS: Final = {
    r"(?!litellm\b).*": "not LiteLLM's own",
    r"litellm\.(utils|types|_logging|_internal_context|constants|secret_managers|caching|litellm_core_utils|rust_bridge)\b.*":
        "helpers: they make no request for an answer",
    r"litellm\.(cost_calculator|integrations|router_utils|timeout)\b.*": "helpers, too",
    r"litellm:.*": "settings",
    r"litellm\.llms\..*:(?!anthropic_messages).*": "how one provider is spoken to, below the doors",
    r"litellm\.compression\..*": "shortens prompts by itself",
    r"litellm\.rerank_api\.rerank_utils:.*": "prepares a request",
    r"litellm\.main:(acount_tokens|print_verbose|.*token_counter|admission_input_tokens|stream_chunk_builder.*|ahealth_check)":
        "count, put together or ask whether a provider is up",
    r"litellm\.main:(config|mock)_completion": "calls `completion`, or makes an answer up",
    r"litellm\.(main:responses_api_bridge_check|responses\.(bridge_check|mcp\.tool_precheck):.*)": "decides, and calls nothing",
    r"litellm\.main:a?adapter_(completion|generate_content)":
        "calls `completion`, a door; the adapter turns the answer into the user's own shape",
    r"litellm\.main:a?(completion|responses)_with_retries":
        "deprecated: called by the user, each try is a call of its own; inside a call, a row of RETRIES",
    r"litellm\.litellm_core_utils\.fallback_utils:.*": "inside `completion(fallbacks=...)`: its tries are",
    r"litellm\.batch_completion\.main:.*": "many calls, each through `completion`",
    r"litellm\.tool_loop:.*": "many calls, each through `completion`: one span for all would hide what each cost",
    r"litellm\.responses\.main:a?(cancel_responses|delete_responses|get_responses|list_input_items)":
        "fetches, lists, cancels or deletes what another call made",
    r"litellm\.responses\.main:(aresponses_api_with_mcp|mock_responses_api_response)": "inside `aresponses`; made up",
    r"litellm\.(assistants|batches|containers|evals|files|fine_tuning|interactions|sandbox|skills|vector_store\w*)\b.*":
        "jobs and objects that a provider keeps: what they cost is not in the answer",
    r"litellm\.(videos|realtime_api)\b.*": "billed when the job or session has ended: the answer states none of it",
    r"litellm\.(search|rag)\b.*": "no model of its own; a model or an embedding that it asks goes through a door",
    r"litellm\.ocr\..*": "billed by the page, and served by LiteLLM's Rust bridge alone",
    r"litellm\.(decisions|extraction|systemone)\b.*": "another provider's API of decisions: no operation in the conventions",
    r"litellm\.passthrough\..*": "the bytes of any request of any provider: what was asked is not known",
}  # fmt: skip

# A pattern for the name of a method of the Router, and why it is no door.
ROUTER_EXCEPTIONS: Final = {
    r"abatch_completion.*|schedule_acompletion": "many calls, or one later, through `acompletion`",
    r"aadapter_(completion|generate_content)": "each try calls `acompletion`, a door, and is a call of its own",
    r"aguardrail": "the user's own function",
    r"call": "any of the other methods, by its name",
    r"aapply|select": "changes the Router's settings; says which deployment it would take",
    r"(a|a_|_a)?(create|cancel|delete|get|list|retrieve|run|add|upload|search|file|vector_store|fine_tuning|input)_?.*":
        "jobs and objects that a provider keeps",
    r"a?(ocr|decisions|extraction|systemone|video_.*|search)|_?arealtime.*|_aresponses_websocket|allm_passthrough_route":
        "as in LiteLLM",
    r"(async_|set_|deployment_|increment_|make_|arefresh_|get_|_).*": "its own machinery",
}  # fmt: skip

# A pattern for the path of a POST of Portkey's or of the SDK that it vendors, and why it is no LLM call.
PATH_EXCEPTIONS: Final = {
    r"(admin|api-keys|collections|configs|feedback|guardrails|integrations|labels|logs|providers|virtual-keys|X/X|X|\?).*":
        "the gateway's own administration; `post` passes on the path that the user gives",
    r"prompts(/partials|/X/render)?": "keeps or fills in a prompt, and asks no model",
    r"(assistants|threads|batches|chatkit|containers|conversations|evals|files|fine_tuning|skills|uploads|vector_stores)(/.*)?":
        "jobs and objects that a provider keeps: what they cost is not in the answer",
    r"chat/completions/X|responses/(X/cancel|input_tokens)": "changes, cancels or counts what another call asks",
    r"(videos|realtime)(/.*)?": "billed when the job or session has ended: the answer states none of it",
}  # fmt: skip


def excused(name: str, exceptions: Iterable[str]) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in exceptions)


def public_functions() -> Iterator[str]:
    """`module:function` of each public function in LiteLLM's namespace; of those that dispatch, the module they dispatch to."""
    lazy = {name for named, names in vars(_lazy_imports_registry).items() if named.endswith("_NAMES") for name in names}
    for name in {*dir(litellm), *lazy}:
        value = getattr(litellm, name, None)
        if not name.startswith("_") and inspect.isroutine(value) and not inspect.isbuiltin(value):
            yield f"{inspect.unwrap(value).__module__}:{name}" if name in DISPATCHED else f"{value.__module__}:{name}"


DISPATCHED: Final = {name for _, names, _, _ in doors.FUNCTIONS for name in names}


def test_every_public_function_of_litellm_is_a_door_or_an_exception() -> None:
    rows = {f"{module}:{name}" for module, names, _, _ in doors.FUNCTIONS for name in names}
    missed = [name for name in public_functions() if name not in rows and not excused(name, LITELLM_EXCEPTIONS)]
    assert missed == []


# Doors without a row in the matrix, and why.
UNPLAYED: Final = {
    "anthropic_messages_handler": "LiteLLM's own raises: not implemented for sync calls",
    "generate_content_stream": "a stream and nothing else: `test_streams.py`",
    "agenerate_content_stream": "a stream and nothing else: `test_streams.py`",
}


def test_every_function_that_is_a_door_is_played_in_the_matrix() -> None:
    played = {str(name).rpartition(".")[2] for row in every_door.LITELLM for name in (row.plain, row.awaited)}
    assert DISPATCHED - played == UNPLAYED.keys()


def test_every_door_of_litellms_table_is_no_exception() -> None:
    assert [
        f"{module}:{name}"
        for module, names, _, _ in doors.FUNCTIONS
        for name in names
        if excused(f"{module}:{name}", LITELLM_EXCEPTIONS)
    ] == []


def test_every_asynchronous_method_of_the_router_and_each_namesake_of_a_door_is_a_door_or_an_exception() -> None:
    router = litellm.Router(model_list=[{"model_name": "one", "litellm_params": {"model": "gpt-4o-mini"}}])
    rows = {name for names, _, _ in doors.METHODS for name in names} | set(doors.GENERIC) | ROUTED
    missed = []
    for name in dir(router):
        method: Any = inspect.getattr_static(router, name, None) or getattr(router, name, None)
        is_candidate = inspect.iscoroutinefunction(method) or name in DISPATCHED
        if is_candidate and not name.startswith("_") and name not in rows and not excused(name, ROUTER_EXCEPTIONS):
            missed.append(name)
    assert missed == []


ROUTED: Final = {"amoderation", "aanthropic_messages"}
"""Methods whose names are not those of the private methods through which they go."""


def posted_paths(package: str, folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The path of each POST in the source of a package, with X for what is filled in, and the file it stands in."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    for file in (file for folder in folders for file in (Path(spec.origin).parent / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("_post", "post"):
                yield path_of(node.args[0]) if node.args else "?", file.name


def path_of(node: ast.expr) -> str:
    from portkey_ai.api_resources.utils import PortkeyApiPaths

    match node:
        case ast.Constant(value=str(path)):
            return path
        case ast.JoinedStr(values=parts):
            return "".join(map(path_of, parts))
        case ast.FormattedValue(value=ast.Attribute(value=ast.Name(id="PortkeyApiPaths"), attr=name)):
            return str(PortkeyApiPaths[name].value)
        case ast.FormattedValue():
            return "X"
        case ast.Call(func=ast.Name(id="path_template"), args=[ast.Constant(value=str(path)), *_]):
            return re.sub(r"\{\w+\}", "X", path)
        case _:
            return "?"


def test_every_path_that_portkey_posts_to_is_in_the_table_or_an_exception() -> None:
    found = set(posted_paths("portkey_ai", ("api_resources/apis", "_vendor/openai/resources")))
    missed = [
        (path, file) for path, file in found if what_of("post", path) is None and not excused(path.strip("/"), PATH_EXCEPTIONS)
    ]
    assert missed == []
    known = {path.strip("/").removeprefix("v1/") for path, _ in found}
    theirs = {"rerank", "messages"}  # by `client.post` alone
    assert [
        pattern for pattern, _, _ in PATHS if pattern not in theirs and not any(re.fullmatch(pattern, path) for path in known)
    ] == []
