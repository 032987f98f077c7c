"""What can be chosen in a filter: the values that the calls in the store have. Asked by the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .grouped import grouped
from .scope import EVERYTHING

if TYPE_CHECKING:
    from .dimensions import GroupBy
    from .scope import Scope
    from .sql import Reader


def choices(connection: Reader, by: GroupBy, scope: Scope = EVERYTHING, *, limit: int = 100) -> list[str]:
    """The values of `by` among the calls in `scope`, most called first, at most `limit` of them."""
    found = [(group.sums.calls, str(group.keys[0])) for group in grouped(connection, scope, (by,)) if group.keys[0] is not None]
    return [key for _, key in sorted(found, key=lambda each: (-each[0], each[1]))[:limit]]
