"""Your own code around each LLM call, tool and request: what it is told, what it may answer, how it is registered.

    from fastagentic.hooks import Hook, HookContext, HookResult, hook

`dispatch.py` fires them, `loop_thread.py` is where those run that nobody awaits.
"""

from __future__ import annotations

from .base import BaseHook as BaseHook
from .base import BudgetState as BudgetState
from .base import Hook as Hook
from .base import HookContext as HookContext
from .base import HookResult as HookResult
from .base import HookResultAction as HookResultAction
from .registry import FailureMode as FailureMode
from .registry import HookMode as HookMode
from .registry import RegisteredHook as RegisteredHook
from .registry import get_registered_hooks as get_registered_hooks
from .registry import hook as hook
from .registry import reset_hooks as reset_hooks
