"""`Budget` and `Budgets`: how much may be spent on what, as arguments, a settings file and the environment write it.

Data and their reading only; what is spent, and what a limit does to a call, is `fastagentic.budgets`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from .errors import BadPart, ConfigError
from .names import BudgetAction, BudgetScope, Period

if TYPE_CHECKING:
    from collections.abc import Callable

MONEY: Final = "an amount of USD, 0 or more, such as 0.50"
UNPRICED: Final = ("allow", "stop")
SCOPES: Final = tuple(scope.value for scope in BudgetScope)
NAMED: Final = ("user", "tenant", "endpoint")
"""Scopes whose limit is for each name, and whose names may have limits of their own."""


@dataclass(slots=True, frozen=True)
class Budget:
    """One limit. `usd` may be spent on each run, user, tenant or endpoint, or by all together in a month.

    `per` is the time after which a user, tenant or endpoint starts anew, UTC. `named` has limits of single names. `usd` None:
    only those that are named have a limit.
    """

    usd: float | None
    action: BudgetAction = BudgetAction.STOP
    per: Period = Period.MONTH
    estimate: bool = False
    """Whether a call that would surely pass the limit is refused beforehand."""
    unpriced: str = "allow"
    """`stop`: once a call of unknown cost was counted, what is spent is not known, and counts as too much."""
    named: Mapping[str, float] = field(default_factory=dict)

    def limit(self, name: str) -> float | None:
        """USD that may be spent on this name; None: as much as it likes."""
        return self.named.get(name, self.usd)


@dataclass(slots=True, frozen=True)
class Budgets:
    """All limits in force, one a scope at most.

    Example:
        >>> budgets = read_budgets("run=0.50, month=500, month.action=warn")
        >>> month = budgets.of[BudgetScope.MONTH]
        >>> month.usd, month.action.value
        (500.0, 'warn')
        >>> str(budgets)
        'run=0.5, month=500, month.action=warn'
    """

    of: Mapping[BudgetScope, Budget] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.of)

    def __str__(self) -> str:
        return ", ".join(part for scope, budget in self.of.items() for part in _written(scope, budget))

    @property
    def month_usd(self) -> float | None:
        """What may be spent in a month by all together, USD."""
        month = self.of.get(BudgetScope.MONTH)
        return None if month is None else month.usd


NO_BUDGETS: Final = Budgets()


def read_budgets(text: str) -> Budgets:
    """`run=0.50, month=500, month.action=warn` as budgets: the keys of the table, with dots. Raises: ValueError, BadPart."""
    table: dict[str, Any] = {}
    for part in filter(str.strip, text.split(",")):
        key, equals, value = (word.strip() for word in part.partition("="))
        scope, _, option = key.partition(".")
        if not equals or (option and scope not in SCOPES):
            raise ValueError(part)
        name = option.partition(".")[2] if option.startswith("named.") else ""
        if not option:
            _table_of(table, scope)["usd"] = value
        elif name:
            _table_of(table, scope).setdefault("named", {})[name] = value
        else:
            _table_of(table, scope)[option] = value
    plain = {key: of["usd"] if key not in SCOPES or [*of] == ["usd"] else of for key, of in table.items()}
    return budgets_of(plain)


def _table_of(table: dict[str, Any], scope: str) -> dict[str, Any]:
    found: dict[str, Any] = table.setdefault(scope, {})
    return found


def budgets_of(given: Any) -> Budgets:
    """Budgets as they were given: a mapping of scopes to amounts or tables, with options for all beside them.

    Raises: BadPart that names the key, its value and what is accepted.
    """
    if isinstance(given, Budgets):
        return given
    for key, value in given.items():
        if key not in SCOPES and key not in OPTIONS:
            raise BadPart(str(key), value, f"one of {', '.join((*SCOPES, *OPTIONS))} as a key")
    common = _options(given, "", OPTIONS)
    return Budgets({scope: _budget(scope, given[scope], common) for scope in BudgetScope if scope in given})


def _budget(scope: BudgetScope, given: Any, common: Mapping[str, Any]) -> Budget:
    if isinstance(given, Budget):
        return given
    if not isinstance(given, Mapping):
        return replace(Budget(_usd(scope, given)), **common)
    known = {**OPTIONS, "usd": _usd, **({"named": _named, "per": _per} if scope in NAMED else {})}
    for key, value in given.items():
        if key not in known:
            raise BadPart(f"{scope}.{key}", value, f"one of {', '.join(known)} as a key")
    options = {**common, **_options(given, f"{scope}.", known)}
    if options.get("usd") is None and not options.get("named"):
        raise BadPart(f"{scope}.usd", given.get("usd"), MONEY)
    return Budget(**{"usd": None, **options})


def _options(given: Mapping[str, Any], prefix: str, known: Mapping[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    return {key: read(f"{prefix}{key}", given[key]) for key, read in known.items() if key in given}


def _usd(key: str, value: Any) -> float:
    try:
        usd = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        usd = math.nan
    if not (math.isfinite(usd) and usd >= 0):
        raise BadPart(key, value, MONEY)
    return usd


def usd_of(value: Any, where: str) -> float:
    """An amount as an argument gave it. Raises: ConfigError."""
    try:
        return _usd(where, value)
    except BadPart as part:
        raise ConfigError(str(part)) from None


def _one_of(words: tuple[str, ...], read: Callable[[str], Any]) -> Callable[[str, Any], Any]:
    def choice(key: str, value: Any) -> Any:
        if value not in words:
            raise BadPart(key, value, " or ".join(words))
        return read(value)

    return choice


def _truth(key: str, value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise BadPart(key, value, "true or false")
    return word == "true"


def _named(key: str, value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise BadPart(key, value, "a table of names and amounts of USD")
    return {str(name): _usd(f"{key}.{name}", usd) for name, usd in value.items()}


_per: Final = _one_of(tuple(period.value for period in Period), Period)

OPTIONS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "action": _one_of(tuple(action.value for action in BudgetAction), BudgetAction),
    "estimate": _truth,
    "unpriced": _one_of(UNPRICED, str),
}
"""Key -> how its value is read. Beside the scopes they hold for all of them, in a scope's own table for that one."""


def _written(scope: BudgetScope, budget: Budget) -> list[str]:
    parts = [] if budget.usd is None else [f"{scope}={budget.usd:g}"]
    plain = Budget(None)
    parts += [
        f"{scope}.{option}={_word(value)}"
        for option in ("action", "per", "estimate", "unpriced")
        if (value := getattr(budget, option)) != getattr(plain, option)
    ]
    return parts + [f"{scope}.named.{name}={usd:g}" for name, usd in budget.named.items()]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
