"""The operator's quickstart, command by command: with the collector and the Prometheus that we have, on free ports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from .process import wait_until
from .programs import ROOT, free_ports

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "quickstart-operator.md"
PROGRAM = """
import litellm

litellm.completion(model="gpt-4o-mini", messages=[{"role": "user", "content": "Does it ship?"}], mock_response="Yes.")
"""
COST = 0.0000135
INSTALLED = "RELEASE_CHECK_PROGRAMS"
"""Where `fastagentic` and `python` are taken from, by `make release-check`: an environment that has the wheel."""


class Block(NamedTuple):
    """A block of the page and what it is for."""

    title: str
    text: str


def blocks() -> list[Block]:
    return [
        Block(*found) for found in re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```', PAGE.read_text(), re.MULTILINE | re.DOTALL)
    ]


def elsewhere(text: str, folder: Path, ports: dict[str, int]) -> str:
    """The same with a folder of the test's own and ports that are free."""
    text = re.sub(r"(?<![\w/])/tmp\b", str(folder), text)
    for usual, port in ports.items():
        text = text.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{port}")
    return text


def cost_in(answer: str) -> float:
    """What the query found; 0 while there is nothing."""
    try:
        result = json.loads(answer)["data"]["result"]
    except (ValueError, KeyError):
        return 0.0
    return float(result[0]["value"][1]) if result else 0.0


def test_the_quickstart_of_an_operator_works_as_written(collector_binary: Path, prometheus_2: Path, tmp_path: Path) -> None:
    ports = dict(zip(("4317", "4318", "8889", "8888", "13133", "9090"), free_ports(6), strict=True))
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "otelcol-contrib").symlink_to(collector_binary)
    (tmp_path / "app.py").write_text(PROGRAM)
    ours = os.environ.get(INSTALLED) or os.path.dirname(sys.executable)
    path = os.pathsep.join([str(programs), str(prometheus_2), ours, os.environ["PATH"]])
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        "PATH": path,
        "FASTAGENTIC_HOME": str(tmp_path / "home"),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OTLP_GRPC_ADDRESS": f"127.0.0.1:{ports['4317']}",
        "OTLP_HTTP_ADDRESS": f"127.0.0.1:{ports['4318']}",
        "PROMETHEUS_ADDRESS": f"127.0.0.1:{ports['8889']}",
        "HEALTH_ADDRESS": f"127.0.0.1:{ports['13133']}",
        "TELEMETRY_PORT": str(ports["8888"]),
    }

    def sh(command: str) -> str:
        done = subprocess.run(["sh", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    with ExitStack() as terminals:
        for title, as_written in blocks():
            text = elsewhere(as_written, tmp_path, ports).replace("python app.py", f"python {tmp_path / 'app.py'}")
            if title == "/tmp/prometheus.yml":
                (tmp_path / "prometheus.yml").write_text(text.replace("15s", "1s"))
            elif title == "once":
                sh(text)
            elif title == "until it answers":
                assert wait_until(lambda command=text: cost_in(sh(f"{command.rstrip()} || true")), "the cost") == COST
            else:  # a terminal that goes on until it is closed
                flag = f" --web.listen-address=127.0.0.1:{ports['9090']}" if text.startswith("prometheus") else ""
                process = subprocess.Popen(
                    ["sh", "-ec", f"exec env {text.rstrip()}{flag}"],
                    cwd=ROOT,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                terminals.callback(process.wait)
                terminals.callback(process.terminate)
