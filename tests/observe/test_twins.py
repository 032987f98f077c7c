"""No pair of sync and async goes unseen: each that the sources hold is compared (`tests/twins.py`), or apart for a reason."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

import fastagentic
from tests.twins import TWINS

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES: Final = Path(str(fastagentic.__file__)).parent

# What waits, and why it is not compared with what does not.
APART: Final = {
    "observe.stream:ObservedAsyncStream.aclose": "the client's own has one of two names; sync, LiteLLM's has none",
    "observe.run:RunScope.__aenter__": "calls the other: there is nothing to wait for",
    "observe.run:RunScope.__aexit__": "calls the other, too",
    "budgets.guard:Guard._atotals": "calls the other, on another thread where that would wait",
    "hooks.dispatch:_aasked": "who waits asks in its own task, who does not asks a loop of our own",
    "demo.workload:Workload._asession": "a user's program, written as users write theirs",
    "demo.workload:Workload._aask": "the same",
    "demo.workload:_aread": "the same",
}


def functions(module: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions and methods of a module by qualified name; a function that is made in another is that one's."""
    for node in ast.parse(module.read_text()).body:
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{node.name}.{inner.name}" if isinstance(node, ast.ClassDef) else inner.name, inner


def plain_names(name: str) -> set[str]:
    """What the other one may be called: without `async` or `Async`, without an `a` before it."""
    owner, dot, method = name.rpartition(".")
    bare = method.lstrip("_")
    marks = method[: len(method) - len(bare)]
    methods = {method, marks + bare.replace("async", "sync")}
    if bare.startswith("a"):
        methods.add(marks + bare[1:])
    return {f"{of}{dot}{one}" for of in (owner, owner.replace("Async", "")) for one in methods} - {name}


def waits(function: ast.AST) -> bool:
    return any(isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)) for node in ast.walk(function))


def pairs() -> Iterator[tuple[str, str]]:
    """(what does not wait, what does) of one module, alike in name."""
    for file in sorted(SOURCES.rglob("*.py")):
        found = dict(functions(file))
        module = ".".join(file.relative_to(SOURCES).with_suffix("").parts)
        for name, function in found.items():
            is_iterator = name.endswith("__aiter__")
            for plain in plain_names(name) & found.keys() if is_iterator or waits(function) else ():
                if not waits(found[plain]):
                    yield f"{module}:{plain}", f"{module}:{name}"


def test_every_pair_in_the_sources_is_compared_or_apart_for_a_reason() -> None:
    compared = {
        tuple(f"{one.__module__.removeprefix('fastagentic.')}:{one.__qualname__}" for one in pair) for pair in TWINS
    }  # fmt: skip
    assert {pair for pair in pairs() if pair[1] not in APART} - compared == set()


def test_the_pairs_that_are_known_are_found() -> None:
    names = {awaited for _, awaited in pairs()}
    assert {"clients._doors:_async_door", "observe.stream:ObservedAsyncStream.__anext__"} <= names
    assert APART.keys() <= names
