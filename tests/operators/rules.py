"""The rules of `dashboards/rules/` as data: what they read, and how each could be wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "dashboards/rules"
RULE_FILES: Final = (RULES / "recording.yaml", RULES / "alerts.yaml")
TEST_FILES: Final = tuple(sorted((RULES / "tests").glob("*.yaml")))

WORDS: Final = frozenset({"by", "without", "on", "ignoring", "and", "or", "unless", "offset", "bool"})
STRING: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
MATCHERS: Final = re.compile(r"\{([^}]*)\}")
GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right) \(([^)]*)\)")
NAME: Final = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:]*\s*\()")
NUMBER: Final = re.compile(r"(?<![\w.:\[])\d+(?:\.\d+)?(?![\w.:])")
COMPARISON: Final = re.compile(r" (>=|<=|>|<) ")
OPPOSITE: Final = {">": "<", "<": ">", ">=": "<", "<=": ">"}


@dataclass(frozen=True)
class Rule:
    """A recording or alert rule."""

    name: str
    expr: str
    is_alert: bool
    hold: str | None
    """How long an alert's expression must hold: its `for`."""
    labels: tuple[tuple[str, str], ...]
    annotations: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return self.name

    @property
    def metrics(self) -> set[str]:
        """The series that it reads."""
        bare = GROUPING.sub(" ", MATCHERS.sub(" ", STRING.sub(" ", self.expr)))
        return {name for name in NAME.findall(re.sub(r"\[[^]]*\]", " ", bare)) if name not in WORDS}

    @property
    def read_labels(self) -> set[str]:
        """The labels that it selects or groups by, and those that its texts name."""
        expr = STRING.sub('""', self.expr)
        matched = [part for one in MATCHERS.findall(expr) for part in one.split(",")]
        grouped = [part for one in GROUPING.findall(expr) for part in one.split(",")]
        named = re.findall(r"\$labels\.(\w+)", " ".join(text for _, text in self.annotations))
        return {match[1] for part in (*matched, *grouped, *named) if (match := re.match(r"\s*(\w+)", part))}


def rules() -> list[Rule]:
    """All rules, in their order."""
    return [_rule(one) for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"] for one in group["rules"]]


def _rule(given: dict[str, Any]) -> Rule:
    return Rule(
        name=given.get("alert") or given["record"],
        expr=given["expr"].strip(),
        is_alert="alert" in given,
        hold=given.get("for"),
        labels=tuple(given.get("labels", {}).items()),
        annotations=tuple(given.get("annotations", {}).items()),
    )


def mutants(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """Ways in which the rule could be wrong: what is wrong, and the rule."""
    for number, found in enumerate(COMPARISON.finditer(rule.expr), 1):
        yield f"comparison {number} the other way round", _with(rule, found.span(1), OPPOSITE[found[1]])
    for found in NUMBER.finditer(rule.expr):
        if float(found[0]):
            yield f"{found[0]} at {found.start()} doubled", _with(rule, found.span(), str(float(found[0]) * 2))
            yield f"{found[0]} at {found.start()} halved", _with(rule, found.span(), str(float(found[0]) / 2))
    clauses = re.split(r"\s+and\s+", rule.expr)
    for number in range(len(clauses) if len(clauses) > 1 else 0):
        kept = [clause for at, clause in enumerate(clauses) if at != number]
        yield f"without clause {number + 1}", replace(rule, expr=" and ".join(kept))
    if " unless" in rule.expr or "\nunless" in rule.expr:
        yield "unless turned into and", replace(rule, expr=re.sub(r"\bunless\b", "and", rule.expr))
    if rule.hold is not None:
        yield "at once", replace(rule, hold=None)
        yield "never", replace(rule, hold="30d")
    if not rule.is_alert:
        yield "half as much", replace(rule, expr=f"({rule.expr}) / 2")
        yield "by nothing", replace(rule, expr=f"sum({rule.expr})")


def _with(rule: Rule, span: tuple[int, int], text: str) -> Rule:
    return replace(rule, expr=rule.expr[: span[0]] + text + rule.expr[span[1] :])


def seen_by(rule: Rule) -> list[Path]:
    """The test files that see what the rule says: those that name it, or a rule that reads it."""
    readers = [rule, *_readers(rule)]
    return [path for path in TEST_FILES if any(re.search(rf"{one.name}(?![\w:])", path.read_text()) for one in readers)]


def _readers(rule: Rule) -> list[Rule]:
    direct = [one for one in rules() if rule.name in one.metrics]
    return [*direct, *(reader for one in direct for reader in _readers(one))]


def write_mutant(mutant: Rule, folder: Path) -> None:
    """The rules and their tests in this folder, with one rule in the place of the sound one."""
    (folder / "tests").mkdir()
    for path in TEST_FILES:
        (folder / "tests" / path.name).write_text(path.read_text())
    for path in RULE_FILES:
        document = yaml.safe_load(path.read_text())
        for group in document["groups"]:
            for one in group["rules"]:
                if mutant.name in (one.get("alert"), one.get("record")):
                    one["expr"] = mutant.expr
                    one.pop("for", None)
                    one |= {} if mutant.hold is None else {"for": mutant.hold}
        (folder / path.name).write_text(yaml.safe_dump(document, sort_keys=False))
