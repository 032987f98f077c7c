"""The real Portkey gateway from npm: that it starts, stays on loopback, does what the demo needs, and ends."""

from __future__ import annotations

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.demo import gateway as module
from fastagentic.demo.gateway import GatewayUnavailable, LocalGateway, default_folder, install, require_node

if TYPE_CHECKING:
    from pathlib import Path

    from fastagentic.demo.provider import StandIn

MESSAGES = [{"role": "user", "content": "What follows from the second clause?"}]


@pytest.fixture
def portkey(portkey_gateway: LocalGateway) -> Any:
    portkey_ai = pytest.importorskip("portkey_ai")
    return portkey_ai.Portkey(api_key="pk-demo", base_url=portkey_gateway.url, forward_headers=["x-demo-call"])


def target(provider: StandIn, segment: str, **more: Any) -> dict[str, Any]:
    return {"provider": "openai", "api_key": "sk-demo", "custom_host": provider.url(segment), **more}


def ask(portkey: Any, config: dict[str, Any], **more: Any) -> Any:
    create = portkey.with_options(config=config).chat.completions.create
    return create(model="gpt-4o", messages=MESSAGES, extra_headers={"x-demo-call": "c-1"}, **more)


def test_it_is_the_pinned_version(portkey_gateway: LocalGateway) -> None:
    assert portkey_gateway.version == "1.15.2"


def test_it_listens_on_loopback_only(portkey_gateway: LocalGateway) -> None:
    with socket.create_connection(("127.0.0.1", portkey_gateway.port), timeout=2):
        pass
    # The whole of 127/8 is this machine: a server on every interface would answer here too.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", portkey_gateway.port), timeout=2)


def test_it_forwards_the_call_and_its_id(stand_in: StandIn, portkey: Any) -> None:
    answer = ask(portkey, target(stand_in, "ok"))
    (exchange,) = stand_in.log.of_call("c-1")
    assert answer.id == exchange.answer_id
    assert answer.get_headers()["cache-status"] == "DISABLED"


def test_it_falls_back_to_another_model(stand_in: StandIn, portkey: Any) -> None:
    targets = [
        target(stand_in, "fail-503"),
        target(stand_in, "ok", override_params={"model": "gpt-4o-mini"}),
    ]
    answer = ask(portkey, {"strategy": {"mode": "fallback"}, "targets": targets})
    assert answer.get_headers()["last-used-option-index"] == "config.targets[1]"
    seen = [(exchange.status, exchange.body["model"]) for exchange in stand_in.log.of_call("c-1")]
    assert seen == [(503, "gpt-4o"), (200, "gpt-4o-mini")]


def test_it_retries(stand_in: StandIn, portkey: Any) -> None:
    config = target(stand_in, "flaky-1-429", retry={"attempts": 2, "on_status_codes": [429]})
    assert ask(portkey, config).get_headers()["retry-attempt-count"] == "1"
    assert [exchange.status for exchange in stand_in.log.of_call("c-1")] == [429, 200]


def test_it_streams_with_the_usage_at_the_end(stand_in: StandIn, portkey: Any) -> None:
    chunks = list(ask(portkey, target(stand_in, "ok"), stream=True, stream_options={"include_usage": True}))
    (exchange,) = stand_in.log.of_call("c-1")
    assert len(chunks) == exchange.chunks_meant == exchange.chunks_sent
    assert chunks[-1].usage.prompt_tokens == exchange.usage["prompt_tokens"]


def test_it_hides_that_the_provider_broke_off(stand_in: StandIn, portkey: Any) -> None:
    """A fact that the demo's books rest on: the caller of a broken stream sees a clean, early end."""
    chunks = list(ask(portkey, target(stand_in, "break-5"), stream=True))
    assert len(chunks) <= 5
    assert all(choice.finish_reason is None for chunk in chunks for choice in chunk.choices)


@pytest.mark.usefixtures("portkey_gateway")
def test_it_ends_with_its_context() -> None:
    with LocalGateway() as gateway:
        pid, port = gateway.pid, gateway.port
        assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
    assert gateway.pid is None
    gateway.stop()


@pytest.mark.usefixtures("portkey_gateway")
def test_installing_again_or_side_by_side_runs_npm_no_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    runs: list[Path] = []

    def npm(folder: Path) -> None:
        runs.append(folder)
        (folder / module.SERVER).parent.mkdir(parents=True)
        (folder / module.SERVER).touch()

    monkeypatch.setattr(module, "_run_npm", npm)
    with ThreadPoolExecutor() as pool:
        list(pool.map(install, [tmp_path] * 4))
    install(tmp_path)
    assert runs == [tmp_path]


def test_without_node_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GatewayUnavailable, match=r"node is not on the PATH; install Node\.js 20 or later"):
        require_node()


def fake(folder: Path, name: str, says: str, status: int = 0) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
    program.chmod(0o755)


def test_an_old_node_is_named_with_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake(tmp_path, "npm", "9")
    fake(tmp_path, "node", "v16.20.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GatewayUnavailable, match=r"node is v16\.20\.0; install Node\.js 20"):
        require_node()


def test_node_without_npm_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake(tmp_path, "node", "v20.1.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GatewayUnavailable, match="npm is not on the PATH"):
        require_node()


def test_a_failed_installation_shows_the_end_of_what_npm_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    fake(programs, "npm", "ENOTFOUND: no network here", status=1)
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(GatewayUnavailable, match=r"(?s)failed with status 1.*ENOTFOUND: no network here"):
        install(tmp_path / "folder")
    assert not (tmp_path / "folder" / module.INSTALLED).exists()


def test_a_gateway_that_ends_at_once_shows_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    fake(programs, "npm", "9")
    fake(programs, "node", "v20.1.0 cannot find module", status=1)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(module, "_run_npm", lambda _: None)
    with pytest.raises(GatewayUnavailable, match=r"(?s)ended while starting:.*cannot find module"):
        LocalGateway(tmp_path / "folder").start()


def test_the_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTAGENTIC_GATEWAY_DIR", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("FASTAGENTIC_GATEWAY_DIR")
    monkeypatch.chdir(tmp_path)
    assert default_folder() == tmp_path / ".portkey-gateway"


def test_the_whole_tree_is_pinned_by_hashes_and_names_no_registry() -> None:
    lock = files("fastagentic.demo").joinpath("node", "package-lock.json").read_text()
    assert '"resolved"' not in lock
    packages = json.loads(lock)["packages"]
    assert len(packages) > 90
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []
