"""Several processes write the same store at once, and one forks while it writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .build import ask, count

WRITE = """
import sys
from pathlib import Path
from tests.store.build import priced, run, writer
path, number, spans = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
writing = writer(path, window_s=0.001)
sys.stdin.readline()
run_id = f"{number:032x}"
for n in range(spans):
    writing.put(priced(0.001, run_id=run_id, tokens_in=n))
    if n % 50 == 0:
        writing.flush(30)
writing.put(run("process", run_id=run_id))
sys.exit(0 if writing.close(30) and writing.dropped == 0 else 1)
"""

FORK = """
import os, sys
from pathlib import Path
from tests.store.build import call, run, writer
path = Path(sys.argv[1])
writing = writer(path, window_s=0.001)
writing.put(call())
assert writing.flush(30)
for n in range(20):
    writing.put(call())          # the parent may be in the middle of a transaction when it forks
    child = os.fork()
    if child == 0:
        for fd in range(3, 64):      # SQLite's locks do not survive a fork: nothing of it may be open
            if os.path.exists(f"/proc/self/fd/{fd}") and "store.db" in os.readlink(f"/proc/self/fd/{fd}"):
                os._exit(2)
        writing.put(call(run_id=f"{n:032x}"))
        os._exit(0 if writing.close(30) and writing.dropped == 0 else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
sys.exit(0 if writing.close(30) and writing.dropped == 0 else 1)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root
    )


def end(process: subprocess.Popen[str]) -> None:
    _, stderr = process.communicate("go\n", timeout=60)
    assert process.returncode == 0, stderr


def test_several_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "new" / "store.db"
    processes = [start(WRITE, path, number, 300) for number in range(1, 5)]

    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        end(process)

    assert ask(path, "SELECT COUNT(*), COUNT(DISTINCT run_id), ROUND(SUM(cost_usd), 6) FROM calls") == [(1200, 4, 1.2)]
    assert count(path, "runs") == 4
    assert count(path, "drops") == 0
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="platform: no fork")
def test_a_process_that_forks_while_it_writes_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    end(start(FORK, path))

    assert count(path, "calls") == 41
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
