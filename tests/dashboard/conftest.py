"""A store with a bit of everything, for the pages and the API."""

from __future__ import annotations

from tests.cli.conftest import OTHER_RUN, cli, filled

__all__ = ["OTHER_RUN", "cli", "filled"]
