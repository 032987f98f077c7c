"""`fastagentic show`: one run as a tree of its spans, with what is known of each call."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text
from rich.tree import Tree

from fastagentic.core import words
from fastagentic.core.words import printable
from fastagentic.store.projection import SpanKind
from fastagentic.store.queries.find_run import find_run
from fastagentic.store.queries.run_tree import run_tree

from . import complete
from .call_line import call_parts
from .options import AsJson  # noqa: TC001  # typer reads it at run time
from .reading import opened
from .runs import json_run
from .tables import console, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastagentic.store.queries.run_tree import RunTree, SpanNode
    from fastagentic.store.queries.runs import RunRow

    from .tables import JsonRow

_GAP: Final = "  "
_INDENT: Final = 4  # what the guides of a branch take


def show(
    run_id: Annotated[
        str,
        typer.Argument(
            metavar="RUN_ID",
            help="32 hex digits, a UUID, your own id, or the first 6 digits or more.",
            autocompletion=complete.runs,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """One run: its calls as a tree with duration, tokens, cost, cache and target."""
    with opened() as connection:
        found = run_tree(connection, find_run(connection, run_id))
    if as_json:
        print_json({"run": json_run(found.run), "spans": [_json_span(node) for node in found.roots]})
    else:
        _print_tree(found)


def _json_span(node: SpanNode) -> JsonRow:
    return {
        "name": node.name,
        "kind": node.kind.value,
        "trace_id": node.trace_id,
        "span_id": node.span_id,
        "parent_span_id": node.parent_span_id,
        "started": words.iso_time(node.started_ns),
        "duration_s": node.duration_s,
        "status": node.status,
        "error_type": node.error_type,
        "call": asdict(node.call) if node.call is not None else None,
        "attributes": node.attributes,
        "children": [_json_span(child) for child in node.children],
    }


def _print_tree(found: RunTree) -> None:
    target = console()
    for line in _facts(found.run):
        target.print(line)
    tree = Tree(_label(_run_parts(found.run), target.width), guide_style="dim")
    for node in found.roots:
        is_the_run = node.kind is SpanKind.RUN and len(found.roots) == 1
        _grow(tree, node.children if is_the_run else [node], target.width - _INDENT)
    target.print(tree)


def _grow(branch: Tree, nodes: Iterable[SpanNode], width: int) -> None:
    for node in nodes:
        _grow(branch.add(_label(_span_parts(node), width)), node.children, width - _INDENT)


def _facts(run: RunRow) -> Iterable[Text]:
    """Who and when, a line each for what is known."""
    facts = (
        ("run", run.run_id),
        ("your id", run.external_id),
        ("user", run.user_id),
        ("session", run.session_id),
        ("tenant", run.tenant_id),
        ("tags", ", ".join(run.tags)),
        ("started", words.local_time(run.started_ns)),
    )
    return (Text(f"{name:<9}{printable(value)}") for name, value in facts if value)


def _run_parts(run: RunRow) -> Iterable[tuple[str, str]]:
    yield (run.name or "run") if run.is_run else "calls outside a run", "bold"
    yield words.duration(run.duration_s), ""
    yield words.plural(run.calls, "call"), ""
    yield words.plural(run.input_tokens + run.output_tokens, "token"), ""
    yield words.part_known(run.cost_usd, run.unpriced), "bold green"
    if run.hits:
        yield words.plural(run.hits, "cache hit"), "cyan"
    if run.saved_usd:
        yield f"saved {words.money(run.saved_usd)}", "cyan"
    if run.errors:
        yield words.plural(run.errors, "error"), "red"
    if run.error_type:
        yield f"failed: {run.error_type}", "bold red"


def _span_parts(node: SpanNode) -> Iterable[tuple[str, str]]:
    yield node.name, "bold" if node.call is not None else ""
    yield words.duration(node.duration_s), ""
    if node.call is not None:
        yield from call_parts(node.call)
    if node.error_type is not None or node.status == "error":
        yield f"failed: {node.error_type or 'no error type'}", "bold red"


def _label(parts: Iterable[tuple[str, str]], width: int) -> Text:
    """The parts with gaps between, on as many lines as it takes: none is broken at a space of its own."""
    label, used = Text(), 0
    for text, style in parts:
        part = Text(printable(text), style=style)
        if label and used + len(_GAP) + part.cell_len > width:
            label.append("\n")
            used = 0
        elif label:
            label.append(_GAP)
            used += len(_GAP)
        label.append_text(part)
        used += part.cell_len
    return label
