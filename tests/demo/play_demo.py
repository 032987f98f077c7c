"""Plays the demo in a process of its own, and writes down what happened: `play_demo.py OUT CALLS real`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from fastagentic.demo.stage import play_once

if __name__ == "__main__":
    out, calls, gateway = sys.argv[1:]
    played = play_once(int(calls), seed=7, wants_gateway=gateway == "real")
    Path(out).write_text(json.dumps(asdict(played)))
