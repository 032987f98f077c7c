"""The pages name everything there is, and nothing that there is not: a row a kind of thing, looked at from both sides.

Each row is also tried on pages from which a name was taken away, and on pages with one that is made up: it must notice either.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any, Final, get_type_hints

import pytest

from dashboards.src.known import known_series
from fastagentic import instrument
from fastagentic.core.config import SETTINGS
from fastagentic.core.environment import HONOURED
from fastagentic.doctor.rules import RULES
from fastagentic.export.chosen import NAMES as DESTINATIONS
from fastagentic.hooks.registry import EVENTS
from tests.project.places import DOCS, PACKAGE, REPO

from .pages import PAGES
from .test_commands import all_commands
from .test_complete import CONVENTIONS, ON_THE_WIRE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

VARIABLE: Final = re.compile(r"\bFASTAGENTIC_[A-Z]+(?:_[A-Z]+)*\b")
OPTION: Final = re.compile(r"`(--?[a-z][a-z-]*)`")
NAME: Final = re.compile(r"(?:gen_ai|fastagentic)\.[a-z0-9_.]*[a-z0-9]")
FINDING: Final = re.compile(r"`([a-z]+(?:-[a-z]+)+)`")
SERIES: Final = re.compile(r"\b(?:fastagentic|gen_ai)_\w+_(?:total|bucket|sum|count)\b")
TYPED: Final = re.compile(r"(?:`|^\$ |^)fastagentic ([a-z]+(?: [^`\n]*)?)", re.MULTILINE)
FENCED: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE: Final = re.compile(r"`fastagentic [^`]*`")
BOARDS: Final = {path.name: json.loads(path.read_text()) for path in sorted((REPO / "dashboards").glob("*.json"))}
COMMANDS: Final = all_commands()
RUNBOOKS: Final = sorted((DOCS / "runbooks").glob("*.md"))


@dataclass(frozen=True)
class Kind:
    """What there is of a kind of thing, the pages that name it, and how they are read."""

    name: str
    there: set[str]
    pages: tuple[Path, ...]
    said: Callable[[str], set[str]]
    """The names on the pages, whose texts are put one behind the other."""
    after: str
    """A text of the pages behind which `made_up` stands in a trial, which names something that there is not."""
    made_up: str
    must_be_named: bool = True
    """Whether the pages have to name each; else only what they name has to be there."""

    @property
    def text(self) -> str:
        return "\n".join(page.read_text() for page in self.pages)

    def missing(self, text: str) -> set[str]:
        return self.there - self.said(text) if self.must_be_named else set()

    def invented(self, text: str) -> set[str]:
        return self.said(text) - self.there


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def first_cells(text: str) -> str:
    """The first cell of each row of the tables."""
    return "\n".join(re.findall(r"^\| ([^|\n]*)\|", text, re.MULTILINE))


def spans(text: str, pattern: str = r"\w+") -> set[str]:
    return set(re.findall(rf"`({pattern})`", text))


# --- settings --------------------------------------------------------------------------------------


def variables_there() -> set[str]:
    return {name for path in PACKAGE.rglob("*.py") for name in VARIABLE.findall(path.read_text())}


def keys_of_the_file(text: str) -> set[str]:
    """The first column of the table of settings, and the list of those that have no argument."""
    arguments = spans(first_cells(text.partition("## The settings file")[0]))
    (others,) = re.findall(r"without an argument: ([^.]*)\.", section(text, "The settings file"))
    return (arguments & {*SETTINGS, "made_up"}) | spans(others)


# --- the command line ------------------------------------------------------------------------------


def sections(text: str) -> dict[str, str]:
    return dict(re.findall(r"^## fastagentic (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))


def inner(command: Any) -> list[Any]:
    """A command, or a group and the commands in it."""
    return [command, *getattr(command, "commands", {}).values()]


@cache
def options_of(command: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Every spelling of each option, with the words that it takes where it takes but a few."""
    return tuple(_options_of(command))


def _options_of(command: Any) -> Iterable[tuple[str, tuple[str, ...]]]:
    for one in inner(command):
        hints = {} if one.callback is None else get_type_hints(one.callback)
        for parameter in one.params:
            hint = hints.get(parameter.name)
            choices = tuple(choice.value for choice in hint) if isinstance(hint, type) and issubclass(hint, Enum) else ()
            for spelling in [*parameter.opts, *parameter.secondary_opts]:
                if spelling.startswith("-") and spelling not in {"-h", "--help"}:
                    yield spelling, choices


def options_there() -> set[str]:
    return {f"{name} {option}" for name, command in COMMANDS.items() for option, _ in options_of(command)}


def choices_there() -> set[str]:
    return {
        f"{name} {option} {choice}"
        for name, command in COMMANDS.items()
        for option, choices in options_of(command)
        for choice in choices
    }


def options_said(text: str) -> set[str]:
    return {f"{name} {option}" for name, part in sections(text).items() for option in OPTION.findall(part)} - {
        "run -m"  # Python's own
    }


def choices_said(text: str) -> set[str]:
    """Of each option with choices: the words in backticks of its row."""
    found = set()
    for name, part in sections(text).items():
        command = COMMANDS.get(name)
        for option in {option for option, choices in options_of(command) if choices} if command is not None else ():
            for row in re.findall(rf"^\| `{option}` \| (.*)\|$", part, re.MULTILINE):
                found |= {f"{name} {option} {choice}" for choice in spans(row, "[a-z-]+")}
    return found


def spelled_out() -> set[str]:
    """Every command with each of its options, as people type them."""
    found = {f"fastagentic {option}" for option in ("--help", "--version", "--install-completion", "--show-completion")}
    for name, command in COMMANDS.items():
        for one in inner(command):
            path = name if one is command or one.hidden else f"{name} {one.name}"  # a hidden one is meant where none is named
            found |= {path, *(f"{path} {option}" for option, _ in options_of(one)), f"{path} --help"}
    return found


def typed(text: str) -> set[str]:
    """What the pages tell to type, in text or in a block: the command, and the command with each option."""
    found = set()
    written = [*FENCED.findall(text), *INLINE.findall(FENCED.sub("", text))]
    for line in (line for block in written for line in TYPED.findall(block)):
        command, *rest = line.split()
        if rest and rest[0] in getattr(COMMANDS.get(command), "commands", {}):
            command, rest = f"{command} {rest[0]}", rest[1:]
        if command == "run":  # what follows the program's name is the program's own
            rest = rest[:1]
        found |= {command, *(f"{command} {word}" for word in rest if re.fullmatch(r"--[a-z][a-z-]*", word))}
    return found


# --- dashboards and alerts --------------------------------------------------------------------------


def panels_there() -> set[str]:
    return {f"{name}: {title.replace('$run_id', '...')}" for name, board in BOARDS.items() for title in titles(board["panels"])}


def titles(panels: list[dict[str, Any]]) -> Iterable[str]:
    for panel in panels:
        yield panel["title"]
        yield from titles(panel.get("panels", []))


def panels_said(text: str) -> set[str]:
    lists = re.findall(r"<!-- panels of ([\w-]+\.json) -->\n\|[^\n]*\n\|[^\n]*\n(.*?)<!-- end -->", text, re.DOTALL)
    return {f"{name}: {title.strip().strip('*')}" for name, part in lists for title in first_cells(part).splitlines()}


def alerts_there() -> set[str]:
    return set(re.findall(r"^ +- alert: (\w+)$", (REPO / "dashboards/rules/alerts.yaml").read_text(), re.MULTILINE))


def alerts_said(text: str) -> set[str]:
    return {name for title in re.findall(r"^# (LLM.*)$", text, re.MULTILINE) for name in title.split(", ")}


def pointable() -> set[str]:
    """What *italics* in a runbook's steps may name: dashboards, their rows and panels, and a page of Prometheus."""
    return {title for board in BOARDS.values() for title in [board["title"], *titles(board["panels"])]} | {"Status, Targets"}


def pointed_to(text: str) -> set[str]:
    steps = re.findall(r"^## How to look\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return {" ".join(title.split()) for part in steps for title in re.findall(r"(?<![*\w])\*([^*\s][^*]*)\*(?!\*)", part)}


def names_said(text: str) -> set[str]:
    """Attributes and metrics in backticks; what only the conventions have, and what is Python, is no name of ours."""
    written = {span for span in spans(text, r"[a-z_]+(?:\.[a-z0-9_]+)+") if span in ON_THE_WIRE or NAME.fullmatch(span)}
    return written - (CONVENTIONS - ON_THE_WIRE) - {"fastagentic.core.names", "fastagentic.run"}


SETTINGS_PAGE: Final = (DOCS / "settings.md",)
CLI_PAGE: Final = (DOCS / "cli.md",)
OTHERS: Final = "Variables of others"
PANELS: Final = "<!-- panels of llm-cost.json -->\n| panel | what it shows | runbook |\n|---|---|---|\n"
EVENTS_TABLE: Final = "| event | when | the context has |\n|---|---|---|\n"

KINDS: Final = (
    Kind("attributes and metrics", ON_THE_WIRE, (DOCS / "names.md",), names_said, "", "`fastagentic.made.up`\n"),
    Kind("variables", variables_there(), tuple(PAGES), lambda text: set(VARIABLE.findall(text)), "", "`FASTAGENTIC_MADE_UP`\n"),
    Kind("arguments of instrument", set(signature(instrument).parameters), SETTINGS_PAGE,
         lambda text: spans(first_cells(text.partition("## The settings file")[0])), "|---|---|---|---|\n",
         "| `made_up` | |\n"),
    Kind("keys of the settings file", set(SETTINGS), SETTINGS_PAGE, keys_of_the_file, "without an argument: ", "`made_up`, "),
    Kind("variables of others", {row.name for row in HONOURED}, SETTINGS_PAGE,
         lambda text: spans(first_cells(section(text, OTHERS)), r"(?:OTEL|LANGFUSE)_\w+"), f"## {OTHERS}\n",
         "| `OTEL_MADE_UP` | |\n"),
    Kind("destinations", set(DESTINATIONS), (DOCS / "destinations.md",),
         lambda text: spans(first_cells(text.partition("## OTLP")[0]), "[a-z_]+"), "|---|---|---|\n", "| `made_up` | |\n"),
    Kind("events of hooks", set(EVENTS), (DOCS / "hooks.md",),
         lambda text: spans(first_cells(section(text, "Events")), r"on_\w+"), EVENTS_TABLE, "| `on_made_up` | |\n"),
    Kind("commands", set(COMMANDS), CLI_PAGE, lambda text: set(sections(text)), "", "## fastagentic madeup\n\n"),
    Kind("options", options_there(), CLI_PAGE, options_said, "## fastagentic costs\n", "\n`--made-up`\n"),
    Kind("choices of options", choices_there(), CLI_PAGE, choices_said, "## fastagentic costs\n", "\n| `--by` | `madeup` |\n"),
    Kind("commands as they are typed", spelled_out(), tuple(PAGES), typed, "", "`fastagentic costs --made-up`\n",
         must_be_named=False),
    Kind("panels", panels_there(), (DOCS / "dashboards.md",), panels_said, PANELS, "| Made up | | |\n"),
    Kind("panels that a runbook points to", pointable(), tuple(RUNBOOKS), pointed_to, "## How to look\n", "*Made up*\n",
         must_be_named=False),
    Kind("alerts", alerts_there(), tuple(RUNBOOKS), alerts_said, "", "# LLMMadeUp\n"),
    Kind("findings of the doctor", {rule.code for rule in RULES}, (DOCS / "troubleshooting.md",),
         lambda text: set(FINDING.findall(text)), "", "`made-up`\n"),
    Kind("series of Prometheus", known_series(), tuple(PAGES), lambda text: set(SERIES.findall(text)), "",
         "`fastagentic_made_up_total`\n", must_be_named=False),
)  # fmt: skip
EACH: Final = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@EACH
def test_a_page_names_each_that_there_is(kind: Kind) -> None:
    assert kind.missing(kind.text) == set()


@EACH
def test_the_pages_name_none_that_there_is_not(kind: Kind) -> None:
    assert kind.invented(kind.text) == set()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.must_be_named], ids=lambda kind: kind.name)
def test_one_that_no_page_names_any_more_is_noticed(kind: Kind) -> None:
    text = kind.text
    unnoticed = {name for name in kind.there if name not in kind.missing(text.replace(name.split(" ")[-1], ""))}

    assert unnoticed == set()


@EACH
def test_one_that_is_made_up_is_noticed(kind: Kind) -> None:
    text = kind.text
    assert kind.after in text

    with_it = text.replace(kind.after, kind.after + kind.made_up, 1) if kind.after else f"{kind.made_up}{text}"

    assert kind.invented(with_it) - kind.invented(text)
