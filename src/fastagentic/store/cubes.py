"""Which sums are kept ready: a cube is the dimensions that they are kept by, for every hour and every day. Data only.

`rollups.py` keeps them, `queries/sources.py` reads them. What is not in a cube is answered from the rows. No dimension
here is one that most calls have a value of their own of, such as the run or the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .queries.dimensions import ANSWERED, IS_HIT, SPELLED, GroupBy

HOUR_NS: Final = 3_600_000_000_000
DAY_NS: Final = 24 * HOUR_NS
STEPS_NS: Final = (HOUR_NS, DAY_NS)
"""The steps of time that sums are kept for, from the epoch on."""


@dataclass(slots=True, frozen=True)
class Cube:
    """Sums kept by `dimensions`. The table `sums` has a row for each step and group, `groups` what the groups are, and
    `latencies`, where there is one, how many calls of each took how long.
    """

    dimensions: tuple[str, ...]
    groups: str
    sums: str
    latencies: str | None = None


MODELS: Final = Cube(
    (GroupBy.MODEL, ANSWERED, GroupBy.PROVIDER, SPELLED, GroupBy.GATEWAY, GroupBy.OUTCOME, IS_HIT),
    groups="rollup_models",
    sums="rollup_model_sums",
    latencies="rollup_model_latencies",
)
PEOPLE: Final = Cube((GroupBy.TENANT, GroupBy.USER), groups="rollup_people", sums="rollup_people_sums")
CUBES: Final = (MODELS, PEOPLE)

LATENCIES: Final = ("duration", "first_chunk")
"""What is measured of a call. Rollups know it by its place."""

KEPT_TABLES: Final = tuple(table for cube in CUBES for table in (cube.groups, cube.sums, cube.latencies) if table is not None)
LONE_CALLS: Final = "rollup_lone_calls"
"""Sums of calls that belong to no run, or whose run has not ended, by the run id they bear. Those of a run stand in `runs`."""
