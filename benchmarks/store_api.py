"""How long the dashboard takes to answer over a store: the whole request, from the address to the last byte, in process.

    .venv/bin/python benchmarks/store_api.py PATH [--forever]

A line of JSON for each request, `[address, milliseconds]`, after one of each that is not counted: 20 rounds, or until it is
ended with a rest of four times as long after each, as a page that is open while calls come in. `store.py` runs it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from fastagentic.dashboard import dashboard_app

if TYPE_CHECKING:
    from collections.abc import Iterable

ROUNDS = 20
REST = 4
API = "/api/v1"
MONTH = "?since=30d"
ADDRESSES = (
    *(f"{API}/{name}{MONTH}" for name in ("overview", "series", "costs", "runs", "calls", "models")),
    f"{API}/runs{MONTH}&sort=cost",
    f"{API}/health",
    *(f"{page}{MONTH}" for page in ("/", "/runs", "/models")),
    "/health",
)


async def ask(*, is_forever: bool) -> None:
    """Print what each request took."""
    transport = httpx.ASGITransport(dashboard_app(), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for number in count() if is_forever else range(ROUNDS + 1):
            for address in ADDRESSES:
                began = time.perf_counter()
                (await client.get(address)).raise_for_status()
                took_s = time.perf_counter() - began
                if number:
                    print(json.dumps([address, took_s * 1e3]), flush=True)
                await asyncio.sleep(REST * took_s if is_forever else 0)


def medians(lines: Iterable[str]) -> dict[str, float]:
    """The median of each address, in milliseconds; a last line that was cut off is left out."""
    took: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        if line.endswith("\n"):
            address, milliseconds = json.loads(line)
            took[address].append(milliseconds)
    return {address: statistics.median(found) for address, found in took.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("path", type=Path)
    options.add_argument("--forever", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="fastagentic-bench-") as home:
        Path(home, "store.db").symlink_to(given.path.absolute())
        os.environ["FASTAGENTIC_HOME"] = home
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that the directory goes with it
        asyncio.run(ask(is_forever=given.forever))


if __name__ == "__main__":
    main()
