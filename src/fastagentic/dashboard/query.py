"""What stands in an address: time and filters, as pages and API take them, and the scope of the store that they mean."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fastagentic.core.config import DURATION, read_duration
from fastagentic.core.names import Outcome  # noqa: TC001  # pydantic reads it at run time
from fastagentic.store.queries.dimensions import GroupBy
from fastagentic.store.queries.scope import Scope
from fastagentic.store.values import valid_text

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError

SINCE: Final = "7d"
SHORTCUTS: Final = ("1h", "24h", "7d", "30d", "all")
LONGEST_S: Final = 1e10  # 300 years, and still a whole number of nanoseconds
LONGEST_TEXT: Final = 500
TIMES: Final = ("since", "from_", "to")
FILTERS: Final = (
    "search", "model", "provider", "gateway", "endpoint", "user", "tenant", "session", "tag", "outcome",
)  # fmt: skip


def _since(text: str) -> str:
    try:
        seconds = read_duration(text)
    except ValueError:
        seconds = 0.0
    if seconds is not None and seconds <= 0:
        raise ValueError(f"takes {DURATION}")
    return text.strip().lower()


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def unsaid(value: Any) -> Any:
    """A form without a value in a field says the name alone."""
    return None if value == "" else value


Since = Annotated[str, AfterValidator(_since)]
Moment = Annotated[datetime | None, BeforeValidator(unsaid)]
Text = Annotated[str | None, BeforeValidator(unsaid), AfterValidator(lambda text: text and valid_text(text))]


def _filter(of: str) -> Any:
    return Field(None, max_length=LONGEST_TEXT, description=f"{of}; `(none)` takes those that have none")


class ScopeQuery(BaseModel):
    """Which calls and runs: a time and filters, all of which apply."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    since: Since = Field(SINCE, description=f"How far back from now: {DURATION}; `from` goes before it")
    from_: Moment = Field(None, alias="from", description="Started at this moment or later, ISO 8601; UTC unless it says")
    to: Moment = Field(None, description="Started before this moment")
    search: Text = Field(None, max_length=LONGEST_TEXT, description="A text in any of the names and ids, whatever its case")
    model: Text = _filter("The model that was asked for")
    provider: Text = _filter("The provider")
    gateway: Text = _filter("`portkey` or `litellm`")
    endpoint: Text = _filter("The name of the run")
    user: Text = _filter("The user")
    tenant: Text = _filter("The tenant")
    session: Text = _filter("The session")
    tag: Text = _filter("One of the tags")
    outcome: Annotated[Outcome | None, BeforeValidator(unsaid)] = Field(None, description="How it went")

    @model_validator(mode="after")
    def _in_order(self) -> ScopeQuery:
        if self.from_ is not None and self.to is not None and _utc(self.to) <= _utc(self.from_):
            raise ValueError("`to` is not after `from`")
        return self

    def scope(self, now_ns: int) -> Scope:
        """The scope of the store that this means at a moment (nanoseconds since the epoch)."""
        since_ns = until_ns = None
        if self.from_ is not None:
            since_ns = moment_ns(self.from_)
        elif (seconds := read_duration(self.since)) is not None:
            since_ns = max(0, now_ns - int(min(seconds, LONGEST_S) * 1e9))
        if self.to is not None:
            until_ns = moment_ns(self.to)
        return Scope(since_ns=since_ns, until_ns=until_ns, **{name: getattr(self, name) for name in FILTERS})

    @property
    def kept(self) -> dict[str, str]:
        """Time and filters as they stand in an address, for the links of a page."""
        said = {name: getattr(self, name) for name in FILTERS}
        return {**self.time, **{name: str(value) for name, value in said.items() if value is not None}}

    @property
    def time(self) -> dict[str, str]:
        """The time alone."""
        given = {"from": self.from_, "to": self.to}
        said = {name: f"{_utc(moment):%Y-%m-%dT%H:%M:%SZ}" for name, moment in given.items() if moment is not None}
        return said if "from" in said else {**said, **({} if self.since == SINCE else {"since": self.since})}

    @property
    def in_words(self) -> str:
        """The time as part of a sentence."""
        spans = [f"{word} {_utc(at):%Y-%m-%d %H:%M} UTC" for word, at in (("from", self.from_), ("to", self.to)) if at]
        if self.from_ is None:
            spans.insert(0, "at all" if self.since == "all" else f"in the last {self.since}")
        return " ".join(spans)


class Shown(StrEnum):
    """What a chart shows."""

    COST = "cost"
    CALLS = "calls"


class GroupedQuery(ScopeQuery):
    """The same in groups."""

    by: GroupBy = Field(GroupBy.MODEL, description="What the groups are")


def moment_ns(moment: datetime) -> int:
    """Nanoseconds since the epoch."""
    return max(0, int(_utc(moment).timestamp() * 1_000_000) * 1_000)


def faults(error: RequestValidationError) -> str:
    """What is wrong with an address, in one sentence a parameter: its name, its value and what it takes."""
    return "; ".join(_fault(one) for one in error.errors())


def _fault(one: Any) -> str:
    name = str(one["loc"][-1]) if len(one["loc"]) > 1 else ""
    if one["type"] == "extra_forbidden":
        return f"there is no parameter {name!r}"
    told = one["msg"].removeprefix("Value error, ")
    given = one.get("input")
    return (
        f"{name} is {given!r}: {told}"
        if name and isinstance(given, str) and len(given) <= LONGEST_TEXT
        else f"{name} {told}".strip()
    )
