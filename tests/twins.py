"""The pairs that stand in the code once for sync and once for async, and how they are compared."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING, Final

from fastagentic.budgets.guard import Guard
from fastagentic.clients import _doors, _openai_calls
from fastagentic.hooks import dispatch
from fastagentic.observe import hooked, moments, tool
from fastagentic.observe.guarded import GuardedCall
from fastagentic.observe.stream import ObservedAsyncStream, ObservedStream

if TYPE_CHECKING:
    from collections.abc import Callable

TWINS: Final = [
    (_doors._sync_door, _doors._async_door),
    (ObservedStream.__iter__, ObservedAsyncStream.__aiter__),
    (ObservedStream.__next__, ObservedAsyncStream.__anext__),
    (ObservedStream.__enter__, ObservedAsyncStream.__aenter__),
    (ObservedStream.__exit__, ObservedAsyncStream.__aexit__),
    (_openai_calls._Body.__iter__, _openai_calls._Body.__aiter__),
    (_openai_calls._Body.close, _openai_calls._Body.aclose),
    (hooked.hooked_door, hooked.async_hooked_door),
    (moments.play, moments.aplay),
    (ObservedStream._self_end, ObservedAsyncStream._self_aend),
    (Guard.refusal, Guard.arefusal),
    (GuardedCall.admit, GuardedCall.aadmit),
    (dispatch.fire, dispatch.afire),
    (tool._call, tool._acall),
]

A_NAMES: Final = {
    "anext": "next", "aclose": "close", "__aenter__": "__enter__", "__aexit__": "__exit__",
    "ObservedAsyncStream": "ObservedStream", "async_hooked_door": "hooked_door", "aplay": "play", "afire": "fire",
    "_self_aend": "_self_end", "_aasked": "_asked",
    "aadmit": "admit", "arefusal": "refusal", "_atotals": "_totals",
}  # fmt: skip


class _Plain(ast.NodeTransformer):
    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        plain = ast.FunctionDef(**{name: getattr(node, name) for name in node._fields})
        return self.generic_visit(plain)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self.generic_visit(ast.For(**{name: getattr(node, name) for name in node._fields}))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Attribute(self.visit(node.value), A_NAMES.get(node.attr, node.attr), node.ctx)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(A_NAMES.get(node.id, node.id), node.ctx)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(A_NAMES.get(node.value, node.value) if isinstance(node.value, str) else node.value)


def without_await(function: Callable[..., object]) -> str:
    """The body of a function with async, await and the a-names taken out, without what its docstring says."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    plain = ast.fix_missing_locations(_Plain().visit(tree))
    body = plain.body[0].body
    return "\n".join(ast.unparse(line) for line in body[ast.get_docstring(plain.body[0]) is not None :])
