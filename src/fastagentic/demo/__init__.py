"""`fastagentic demo`: a stand-in provider, the real Portkey gateway, and a workload to look at.

Everything runs on this machine's loopback interface. The stand-in and the gateway serve our own tests as
well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def main(*, calls: int = 300, seed: int = 7, home: Path | None = None, gateway: bool = True) -> int:
    """Run the demo and print what it cost. Called by `fastagentic demo`.

    `home` is where the store goes: None takes `FASTAGENTIC_HOME`, else `.fastagentic` in the current
    directory, so that a real store is not mixed with a demo. `gateway` False leaves the real Portkey gateway
    out even when Node is there.

    Returns: the exit status; 1 when the clients are not installed or the store cannot be read.
    """
    from .report import report

    return report(calls=calls, seed=seed, home=home, wants_gateway=gateway)
