"""What a dashboard is: rows of panels, each panel a function, laid out from left to right in the order of the file.

    BOARD = Board("LLM Cost", uid="fastagentic-llm-cost", about="...")

    @BOARD.panel(1, "Spend in range", row="Now", width=4, height=4)
    def spend_in_range() -> Panel:
        "What the calls in the selected time range cost."
        return look.number(units.Dollars, promql.in_range(series.COST))

The docstring becomes the panel's description. The id is part of links people have stored (`viewPanel=1`) and stays with the
panel for good: a new panel takes a number that was never used, and a panel that goes takes its number with it.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType, GridPos

from . import variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import VariableModel

Panel = Any  # a panel builder of the SDK: they share their methods, but no type
COLUMNS: Final = 24
FIRST_ROW_ID: Final = 1000  # rows are numbered apart from panels, which leaves 1 to 999 to these
TAG: Final = "fastagentic"


@dataclass(frozen=True)
class Placed:
    """One panel: where it belongs, and the function that makes it."""

    title: str
    id: int
    row: str
    width: int
    height: int
    runbook: str | None
    make: Callable[[], Panel]

    def built(self, x: int, y: int) -> Panel:
        """The SDK's builder, with all that does not depend on what the panel shows."""
        panel = self.make().title(self.title).id(self.id).description(self.description)
        panel.grid_pos(GridPos(x=x, y=y, w=self.width, h=self.height))
        if self.runbook is not None:
            link = builders.DashboardLink(f"Runbook: {self.runbook}").type(DashboardLinkType.LINK).target_blank(True)
            panel.links([link.url(f"{variables.RUNBOOKS}/{self.runbook}.md")])
        return panel

    @property
    def description(self) -> str:
        """What the docstring of its function says."""
        return " ".join((inspect.getdoc(self.make) or "").split())


@dataclass
class Board:
    """One dashboard."""

    title: str
    uid: str
    about: str
    tags: tuple[str, ...] = ()
    since: str = "now-6h"
    variables: list[Builder[VariableModel]] = field(default_factory=list)  # beside those that every dashboard has
    panels: list[Placed] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The name of the generated file."""
        return self.uid.removeprefix(f"{TAG}-") + ".json"

    def panel(
        self, number: int, title: str, *, row: str, width: int = 8, height: int = 8, runbook: str | None = None
    ) -> Callable[[Callable[[], Panel]], Callable[[], Panel]]:
        """Put the panel that the function makes into a row.

        `number` is its id; `runbook` names a page of docs/runbooks, without `.md`.


        Raises: ValueError when the function has no docstring, or the number or the width cannot be right.
        """

        def put(make: Callable[[], Panel]) -> Callable[[], Panel]:
            where = f"{self.title}: panel {title!r}"
            if not make.__doc__:
                raise ValueError(f"{where}: {make.__name__}() has no docstring; it becomes the panel's description")
            if not 0 < width <= COLUMNS:
                raise ValueError(f"{where}: width is {width}; a dashboard has {COLUMNS} columns")
            if not 0 < number < FIRST_ROW_ID:
                raise ValueError(f"{where}: its number is {number}; give one from 1 to {FIRST_ROW_ID - 1}")
            for other in self.panels:
                if other.id == number:
                    free = max(one.id for one in self.panels) + 1
                    raise ValueError(f"{where}: {number} is the number of {other.title!r}; {free} is free")
            self.panels.append(Placed(title, number, row, width, height, runbook, make))
            return make

        return put

    def as_json(self) -> dict[str, Any]:
        """The dashboard as Grafana's file provisioning and its import take it."""
        board = builders.Dashboard(self.title).uid(self.uid).description(self.about).tags([TAG, "llm", *self.tags]).readonly()
        board.time(self.since, "now").timezone("browser").refresh("1m").tooltip(DashboardCursorSync.CROSSHAIR)
        for variable in [*variables.common(), *self.variables]:
            board.with_variable(variable)
        for annotation in variables.marks():
            board.annotation(annotation)
        to_others = builders.DashboardLink("LLM dashboards").type(DashboardLinkType.DASHBOARDS).tags([TAG])
        board.link(to_others.as_dropdown(False).include_vars(True).keep_time(True))
        self._lay_out(board)
        return dict(json.loads(json.dumps(board.build(), cls=JSONEncoder)))

    def _lay_out(self, board: builders.Dashboard) -> None:
        y = 0
        for at, row in enumerate(dict.fromkeys(panel.row for panel in self.panels)):
            header = builders.Row(row).id(FIRST_ROW_ID + at)
            board.with_row(header.grid_pos(GridPos(x=0, y=y, w=COLUMNS, h=1)))
            x, y, tallest = 0, y + 1, 0
            for panel in (one for one in self.panels if one.row == row):
                if x + panel.width > COLUMNS:
                    x, y, tallest = 0, y + tallest, 0
                board.with_panel(panel.built(x, y))
                x, tallest = x + panel.width, max(tallest, panel.height)
            y += tallest
