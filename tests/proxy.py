"""A real LiteLLM proxy on loopback, in front of a stand-in provider of its own: its cache on, one model with a fallback.

A plugin of our suite, like `tests/providers.py`: it starts with the first test that asks for it and lasts for the session.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.demo.provider import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from fastagentic.demo.reply import Reply

NEEDED = ("websockets", "apscheduler", "redis", "mcp", "expression", "fastapi_sso", "uvicorn", "orjson")
"""What the proxy imports as it starts and LiteLLM itself does without; far from all of `litellm[proxy]`."""

KEY = "sk-proxy"
MODEL = "gpt-4o-mini"
SERVED = {
    "openai/gpt-4o-mini": "openai/gpt-4o-mini",
    "gpt-3.5-turbo-instruct": "text-completion-openai/gpt-3.5-turbo-instruct",
    "text-embedding-3-small": "openai/text-embedding-3-small",
    "anthropic/claude-sonnet-4-5": "anthropic/claude-sonnet-4-5",
    "gpt-image-1": "openai/gpt-image-1",
    "gpt-4o-transcribe": "openai/gpt-4o-transcribe",
    "tts-1": "openai/tts-1",
    "cohere/rerank-v3.5": "cohere/rerank-v3.5",
    "omni-moderation-latest": "openai/omni-moderation-latest",
}
"""Further groups, of one deployment each, and what LiteLLM calls their models."""
AT_ROOT = ("anthropic/", "cohere/")
"""Providers whose base URL has no `/v1`."""
USE_CACHE = {"extra_body": {"cache": {"use-cache": True}}}
"""What a request says that may be answered by the proxy's cache: the others reach the provider."""
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0


class Provider(StandIn):
    """What stands behind the proxy: at `ok` it behaves as it is told to, whatever model is asked."""

    behaves = "ok"

    def reply(self, segment: str, endpoint: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        """Decide what a request gets, and note it in the log."""
        return super().reply(self.behaves if segment == "ok" else segment, endpoint, headers, body)

    def reset(self) -> None:
        """Clear the log, and behave again."""
        super().reset()
        self.behaves, self.chunk_gap_s = "ok", 0.0


class LiteLLMProxy:
    """`with LiteLLMProxy(provider) as proxy: OpenAI(**proxy.options)`."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._scratch = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.folder = Path(self._scratch.enter_context(tempfile.TemporaryDirectory(prefix="litellm-proxy-")))
        self.log = self.folder / "proxy.log"
        try:
            self._start()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL for an SDK."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def options(self) -> dict[str, Any]:
        """What an OpenAI client is told to reach it."""
        return {"base_url": self.url, "api_key": KEY}

    def stop(self) -> None:
        """End this proxy's own process."""
        process: subprocess.Popen[bytes] | None = self.__dict__.pop("_process", None)
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._scratch.close()

    def _start(self) -> None:
        """Hand the proxy a socket that listens already: nobody else can take its port."""
        config = self.folder / "config.yaml"
        config.write_text(json.dumps(self._config()))  # JSON is YAML
        with socket.create_server(("127.0.0.1", 0)) as listening, self.log.open("wb") as log:
            self.port: int = listening.getsockname()[1]
            environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith(("LITELLM_", "OTEL_", "OPENAI_"))},
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_TELEMETRY": "False",
                "CONFIG_FILE_PATH": str(config),
            }
            command = [sys.executable, "-m", "uvicorn", "litellm.proxy.proxy_server:app", "--fd", str(listening.fileno())]
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _config(self) -> dict[str, Any]:
        return {
            "model_list": [
                self._deployment(MODEL, "ok"),
                self._deployment("broken", "fail-503"),
                self._deployment("first", "fail-503_first"),
                self._deployment("second", "ok_second"),
                *(self._deployment(name, "ok", model) for name, model in SERVED.items()),
            ],
            "router_settings": {"num_retries": 0, "disable_cooldowns": True, "fallbacks": [{"first": ["second"]}]},
            "litellm_settings": {"cache": True, "cache_params": {"type": "local", "mode": "default_off"}, "telemetry": False},
            "general_settings": {"master_key": KEY},
        }

    def _deployment(self, name: str, segment: str, model: str = f"openai/{MODEL}") -> dict[str, Any]:
        url = self.provider.url(segment)
        base = url.removesuffix("/v1") if model.startswith(AT_ROOT) else url
        return {
            "model_name": name,
            "litellm_params": {"model": model, "api_base": base, "api_key": "sk-test", "max_retries": 0},
            "model_info": {"id": f"deployment-{name}"},
        }

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready(deadline - time.monotonic()):
            if self._process.poll() is not None:
                raise RuntimeError(f"the LiteLLM proxy ended while starting:\n{self._said()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the LiteLLM proxy was not ready within {START_TIMEOUT_S:.0f} s:\n{self._said()}")

    def _is_ready(self, patience_s: float) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        url, timeout_s = f"http://127.0.0.1:{self.port}/health/readiness", min(5.0, max(0.1, patience_s))
        try:
            with opener.open(url, timeout=timeout_s) as answer:  # the socket listens already: it waits to be answered
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _said(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


def missing() -> list[str]:
    """The modules without which the proxy does not start."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


@pytest.fixture(scope="session")
def proxy_for_session() -> Iterator[LiteLLMProxy]:
    """One proxy for the whole session. Where it cannot run, a skip; with `CI=true`, a failure."""
    if lacking := missing():
        why = f"the real LiteLLM proxy needs {', '.join(lacking)}: they are in the dev dependencies (make test installs them)"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"with CI=true nothing may be missing: {why}", pytrace=False)
        pytest.skip(f"without a real LiteLLM proxy: {why}")
    with Provider() as provider, LiteLLMProxy(provider) as proxy:
        yield proxy


@pytest.fixture
def litellm_proxy(proxy_for_session: LiteLLMProxy) -> LiteLLMProxy:
    """The session's proxy, its provider's log empty. Its cache is not: who uses it asks what no other test asks."""
    proxy_for_session.provider.reset()
    return proxy_for_session
