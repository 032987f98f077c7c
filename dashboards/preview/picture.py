"""The page of a preview as files, and its picture by the system's Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .interpolate import View

PAGE: Final = Path(__file__).with_name("page")
WIDTH: Final = 1280
ROW_HEIGHT: Final = 28  # of Grafana's grid, as page/preview.js draws it
AROUND: Final = 66
LIBRARY: Final = "node_modules/echarts/dist/echarts.min.js"
CHROMIUM: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--allow-file-access-from-files",
)  # fmt: skip


def library(cache: Path) -> Path:
    """ECharts from npm, by the lock file beside the page, installed into a folder once.

    Raises: RuntimeError when npm is missing or fails.
    """
    found = cache / LIBRARY
    if not found.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("the preview draws with ECharts from npm, and there is no npm on the PATH")
        cache.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PAGE / name, cache)
        done = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=cache, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"npm ci failed: {done.stderr[-2000:]}")
    return found


def write_page(
    folder: Path, echarts: Path, dashboard: dict[str, Any], answers: Mapping[int, Any], view: View, told: str
) -> None:
    """The page in a folder: open its index.html."""
    for path in PAGE.iterdir():
        if path.suffix in (".html", ".js", ".css"):
            shutil.copy(path, folder)
    shutil.copy(echarts, folder / "echarts.min.js")
    data = {"dashboard": dashboard, "answers": answers, "told": told, "chosen": dict(view.chosen)}
    data["range"] = {"start": view.start, "end": view.end}
    (folder / "data.js").write_text(f"const DATA = {json.dumps(data)};\n", encoding="utf-8")


def take_picture(folder: Path, dashboard: dict[str, Any], into: Path) -> None:
    """A PNG of the page. Raises: RuntimeError when Chromium is missing or makes none."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise RuntimeError("a picture needs Chromium, and there is none on the PATH")
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    size = f"--window-size={WIDTH},{rows * ROW_HEIGHT + AROUND}"
    with tempfile.TemporaryDirectory() as profile:
        where = [f"--user-data-dir={profile}", size, f"--screenshot={into}", (folder / "index.html").as_uri()]
        command = [chromium, *CHROMIUM, "--virtual-time-budget=4000", *where]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if not into.exists():
        raise RuntimeError(f"Chromium made no picture: {done.stderr[-2000:]}")
