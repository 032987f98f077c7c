"""What was first recorded of a call's cost, kept beside what it was corrected to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

COLUMNS: Final = ("first_cost_usd REAL", "first_cost_source TEXT", "first_saved_usd REAL", "repriced_ns INTEGER")


def first_costs(connection: sqlite3.Connection) -> None:
    """Add the columns; they are empty until a call is priced again."""
    for column in COLUMNS:
        connection.execute(f"ALTER TABLE calls ADD COLUMN {column}")
