"""Every command that a page tells people to type runs; every command and option there is, is on the page."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.project.places import DOCS

from .pages import PAGES, commands, named

if TYPE_CHECKING:
    from pathlib import Path

CLI_PAGE = DOCS / "cli.md"
WRITTEN = [pytest.param(command, id=f"{named(page)}: {command}") for page in PAGES for command in commands(page)]


def all_commands() -> dict[str, Any]:
    import typer

    from fastagentic.cli.app import app

    return typer.main.get_command(app).commands  # type: ignore[attr-defined,no-any-return]


def parameters(command: Any) -> list[Any]:
    """Those of a command, and of the commands of a group."""
    return [*command.params, *(parameter for inner in getattr(command, "commands", {}).values() for parameter in inner.params)]


@pytest.fixture
def stored() -> None:
    """A store in which the run of the pages, order-42, has ended."""
    import litellm

    import fastagentic

    fastagentic.instrument()
    with fastagentic.run("order", run_id="order-42", user="u-42", tags=["batch"]):
        litellm.completion(model="gpt-4o-mini", messages=[{"role": "user", "content": "Does it ship?"}], mock_response="Yes.")
    assert fastagentic.flush(timeout=10)


@pytest.mark.parametrize("command", WRITTEN)
@pytest.mark.usefixtures("stored")
def test_a_command_on_a_page_runs(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from fastagentic.cli import main

    monkeypatch.chdir(tmp_path)  # some write files
    monkeypatch.setattr(sys, "argv", shlex.split(command))

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code in {0, None}, capsys.readouterr().err


def test_every_command_and_option_is_on_the_page() -> None:
    page = CLI_PAGE.read_text()
    sections = dict(re.findall(r"^## fastagentic (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    missing = [
        f"{name} {option}"
        for name, command in all_commands().items()
        for parameter in parameters(command)
        for option in [*parameter.opts, *parameter.secondary_opts]
        if option.startswith("-") and option not in {"-h", "--help"} and f"`{option}`" not in sections.get(name, "")
    ]

    assert set(sections) == set(all_commands())
    assert not missing


def test_the_page_names_no_option_that_does_not_exist() -> None:
    known = {
        option
        for command in all_commands().values()
        for parameter in parameters(command)
        for option in [*parameter.opts, *parameter.secondary_opts]
    }

    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", CLI_PAGE.read_text())) <= known | {
        "--help",
        "--version",
    }
