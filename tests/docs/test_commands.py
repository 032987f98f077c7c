"""Every command that a page tells people to type runs."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest

from .pages import PAGES, commands, named

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = [pytest.param(command, id=f"{named(page)}: {command}") for page in PAGES for command in commands(page)]


def all_commands() -> dict[str, Any]:
    import typer

    from fastagentic.cli.app import app

    return typer.main.get_command(app).commands  # type: ignore[attr-defined,no-any-return]


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
