"""The picture of the rooms in ARCHITECTURE.md is the one that the code gives."""

from __future__ import annotations

import subprocess
import sys

from .places import REPO


def test_the_picture_of_the_rooms_is_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, "scripts/rooms.py", "--check"], cwd=REPO, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr
