"""`import fastagentic; fastagentic.instrument()` loads nothing heavy, and nothing that a user may lack."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = (
    "litellm", "portkey_ai", "openai", "langfuse", "fastapi", "pydantic", "genai_prices", "typer", "rich",
    "opentelemetry.exporter",
)  # fmt: skip

PROGRAM = """
import json, sys
import fastagentic
fastagentic.instrument()
print(json.dumps(sorted(sys.modules)))
"""


def test_instrument_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)

    assert not [name for name in loaded for heavy in HEAVY if name == heavy or name.startswith(heavy + ".")]
    assert done.stderr == ""
