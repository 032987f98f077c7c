"""`fastagentic doctor`: why fallbacks do not trigger, why the cache does not answer, where latency comes from."""

from __future__ import annotations

import importlib
import sys
from contextlib import nullcontext
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from fastagentic._settings_file import load_settings_file
from fastagentic.core import words
from fastagentic.core.errors import ConfigError

from .errors import FAILED, say
from .options import AsJson, Since, moment_ago
from .progress import waiting
from .tables import console, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastagentic.doctor.evidence import LiteLLMSetup, PortkeySetup
    from fastagentic.doctor.finding import Finding

SINCE_DEFAULT: Final = "7d"
STYLES: Final = {"ok": "green", "advice": "cyan", "warning": "yellow", "problem": "bold red"}
WIDTH: Final = 100
INDENT: Final = " " * 10


def doctor(
    program: Annotated[
        str | None, typer.Argument(metavar="MODULE:NAME", help="An App, or a gateway, to read the configuration of.")
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="A Portkey config: a JSON file, or the JSON itself.")
    ] = None,
    since: Since = SINCE_DEFAULT,
    network: Annotated[bool, typer.Option("--network", help="Also connect to the gateways, and ask Langfuse.")] = False,
    as_json: AsJson = False,
) -> None:
    """Why fallbacks do not trigger, why the cache does not answer, where latency comes from. Exits with 1 on a problem."""
    from fastagentic.doctor.finding import Severity
    from fastagentic.doctor.gather import gather
    from fastagentic.doctor.rules import diagnose
    from fastagentic.doctor.setups import read_given

    since_ns = moment_ago("--since", since)
    load_settings_file()
    setups = [*([read_given(config)] if config is not None else []), *(_setups_of(program) if program is not None else ())]
    with waiting("asking the gateways and Langfuse") if network else nullcontext():
        evidence = gather(setups, since_ns=since_ns, network=network)
    findings = diagnose(evidence)
    if as_json:
        print_json([_json_finding(finding) for finding in findings])
    else:
        _print(findings)
    if any(finding.severity is Severity.PROBLEM for finding in findings):
        raise typer.Exit(FAILED)


def _setups_of(program: str) -> Iterator[PortkeySetup | LiteLLMSetup]:
    """The gateways of a program: of the object itself, of the app that it is, of its endpoints.

    A config that is refused while the program is imported is what we came for.
    """
    from fastagentic.doctor.evidence import PortkeySetup
    from fastagentic.doctor.setups import read_setup

    try:
        found = _load(program)
    except ConfigError as error:
        yield PortkeySetup(program, refused=str(error))
        return
    own = [(program, found), (program, getattr(getattr(found, "config", None), "llm_gateway", None))]
    setups = [read_setup(where, gateway) for where, gateway in [*own, *_of_endpoints()]]
    known = [setup for setup in setups if setup is not None]
    if not known:
        say(f"fastagentic: {program} has no gateway of Portkey's or LiteLLM's to read.")
    yield from known


def _of_endpoints() -> Iterator[tuple[str, Any]]:
    """The gateways of the endpoints that the program declared."""
    try:
        from fastagentic.app.endpoints import get_endpoints
    except ImportError:  # without the extra there are none
        return
    for path, (endpoint, _) in get_endpoints().items():
        yield f"endpoint {path}", endpoint.llm_gateway


def _load(program: str) -> Any:
    """Raises: BadParameter when there is no such module, or no such name in it; whatever the module itself raises."""
    module, _, name = program.partition(":")
    if not module or not name:
        raise _no_program(f"{program!r} is no module with a name in it, such as app:app")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise _no_program(f"there is no module {error.name!r} here") from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise _no_program(f"{module} has no {name!r}")
        found = getattr(found, part)
    return found


def _no_program(why: str) -> typer.BadParameter:
    return typer.BadParameter(why, param_hint="MODULE:NAME")


def _print(findings: Sequence[Finding]) -> None:
    target = console()
    target.width = min(target.width, WIDTH)
    for symptom, of_it in groupby(findings, key=lambda finding: finding.symptom):
        target.print(Text(symptom.value, style="bold"))
        for finding in of_it:
            head, *rest = _folded(finding.what, target.width)
            target.print(Text.assemble("  ", (f"{finding.severity.value:<8}", STYLES[finding.severity.value]), head))
            for line in rest:
                target.print(Text(INDENT + line))
            for text in (finding.why, finding.fix, f"{finding.code}: {finding.docs}" if finding.fix else ""):
                for line in _folded(text, target.width):
                    target.print(Text(INDENT + line, style="" if text == finding.fix else "dim"))


def _folded(text: str, width: int) -> list[str]:
    """Lines that fit behind the indent; a name that is longer stays whole, to be copied."""
    return wrap(words.printable(text), max(width - len(INDENT), 1), break_long_words=False, break_on_hyphens=False)


def _json_finding(finding: Finding) -> dict[str, str]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "symptom": finding.symptom.value,
        "what": finding.what,
        "why": finding.why,
        "fix": finding.fix,
        "docs": finding.docs,
    }
