"""The stand-in as the hosted Portkey gateway: it reads a lent configuration and answers in Portkey's headers.

The npm build of the gateway never caches, so HIT, SEMANTIC HIT, MISS and REFRESH are shown here; without Node
the Portkey SDK talks to this instead of the real gateway. It knows single targets, fallback, retry, overrides
and the cache, no more.
"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from .answers import Answer, text_of
from .behaviours import Behaviour
from .endpoints import ENDPOINTS
from .reply import answered, decide, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .exchanges import ExchangeLog
    from .reply import Reply

RETRIED: Final = (429, 500, 502, 503, 504)
"""The status codes that a `retry` without `on_status_codes` retries."""


@dataclass(slots=True, frozen=True)
class Target:
    """One target of a configuration: where it is written (`config.targets[1]`), and what it says."""

    path: str
    config: Mapping[str, Any]

    @property
    def segment(self) -> str:
        """The stand-in's behaviour that the target's `custom_host` points at."""
        host = str(self.config.get("custom_host", ""))
        return urlsplit(host).path.strip("/").partition("/")[0] or "ok"


@dataclass(slots=True)
class HostedGateway:
    """Portkey's hosted gateway in front of the stand-in's own behaviours; no waiting between retries."""

    log: ExchangeLog
    now: Callable[[], float] = time.monotonic
    """The clock by which answers grow old."""
    _cache: dict[str, tuple[Answer, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        """Empty the cache."""
        with self._lock:
            self._cache.clear()

    def reply(self, endpoint: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        """Answer from the cache, or from the first target that does, and say so in Portkey's headers."""
        config = json.loads(headers.get("x-portkey-config") or "{}")
        targets = _targets(config)
        status, answer = self._look_up(config, headers, endpoint, body)
        if answer is not None:
            exchange, _ = self.log.open("portkey", endpoint, headers, body)
            return _dress(answered(exchange, answer, Behaviour()), targets[0], status, retries=0)
        return self._ask_targets(config, targets, status, endpoint, headers, body)

    def _ask_targets(
        self,
        config: Mapping[str, Any],
        targets: list[Target],
        cache: str,
        endpoint: str,
        headers: dict[str, str],
        body: dict[str, Any],
    ) -> Reply:
        strategy = config.get("strategy") or {}
        falls_back_on = strategy.get("on_status_codes")
        for target in targets:
            asked = {**body, **(target.config.get("override_params") or {})}
            reply, retries = self._try(target, config, endpoint, headers, asked)
            _dress(reply, target, cache, retries)
            if reply.is_ok:
                self._store(config, body, reply)
                return reply
            if strategy.get("mode") != "fallback" or (falls_back_on and reply.status not in falls_back_on):
                return reply
        return reply

    def _try(
        self,
        target: Target,
        config: Mapping[str, Any],
        endpoint: str,
        headers: dict[str, str],
        body: dict[str, Any],
    ) -> tuple[Reply, int]:
        """Ask one target as often as its `retry` allows: its last reply, and the retries (-1: used up)."""
        retry = target.config.get("retry") or config.get("retry") or {}
        allowed = int(retry.get("attempts", 0))
        for retries in range(allowed + 1):
            reply = self._ask(target.segment, endpoint, headers, body)
            if reply.status not in (retry.get("on_status_codes") or RETRIED):
                return reply, retries
        return reply, -1 if allowed else 0

    def _ask(self, segment: str, endpoint: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        exchange, attempt = self.log.open(segment, endpoint, headers, body)
        if segment == "portkey":
            return fail(exchange, 400, "a target of the hosted gateway may not be the hosted gateway")
        return decide(exchange, attempt)

    def _look_up(
        self, config: Mapping[str, Any], headers: Mapping[str, str], endpoint: str, body: Mapping[str, Any]
    ) -> tuple[str, Answer | None]:
        """Portkey's word for what the cache did, and the stored answer if it did answer."""
        mode = _cache_mode(config)
        if mode is None or endpoint not in ENDPOINTS:
            return "DISABLED", None
        if headers.get("x-portkey-cache-force-refresh", "").lower() == "true":
            return "REFRESH", None
        if answer := self._kept(_exact(body), config):
            return "HIT", answer
        if mode == "semantic" and (answer := self._kept(_meaning(body), config)):
            return "SEMANTIC HIT", answer
        return "MISS", None

    def _kept(self, key: str, config: Mapping[str, Any]) -> Answer | None:
        """The stored answer, unless it is older than the configuration's `max_age`."""
        answer, stored_at = self._cache.get(key, (None, 0.0))
        max_age_s = config["cache"].get("max_age") if isinstance(config.get("cache"), dict) else None
        return None if max_age_s is not None and self.now() - stored_at > max_age_s else answer

    def _store(self, config: Mapping[str, Any], body: Mapping[str, Any], reply: Reply) -> None:
        if _cache_mode(config) is not None and reply.answer is not None:
            with self._lock:
                self._cache[_exact(body)] = self._cache[_meaning(body)] = (reply.answer, self.now())


def _targets(config: Mapping[str, Any]) -> list[Target]:
    listed = config.get("targets")
    if not listed:
        return [Target("config", config)]
    return [Target(f"config.targets[{at}]", target) for at, target in enumerate(listed)]


def _dress(reply: Reply, target: Target, cache: str, retries: int) -> Reply:
    """Put Portkey's headers on a reply, and its word for the cache into the log."""
    reply.exchange.cache = cache
    reply.headers |= {
        "x-portkey-cache-status": cache,
        "x-portkey-last-used-option-index": target.path,
        "x-portkey-provider": str(target.config.get("provider", "openai")),
        "x-portkey-retry-attempt-count": str(retries),
        "x-portkey-trace-id": reply.exchange.headers.get("x-portkey-trace-id", ""),
    }
    return reply


def _cache_mode(config: Mapping[str, Any]) -> str | None:
    cache = config.get("cache")
    return str(cache.get("mode", "simple")) if isinstance(cache, dict) else cache


def _exact(body: Mapping[str, Any]) -> str:
    """Equal for requests that are equal, in what people say that a cache heeds."""
    return "exact " + json.dumps([body.get(name) for name in ("model", "messages", "temperature", "user")], sort_keys=True)


def _meaning(body: Mapping[str, Any]) -> str:
    """Equal for messages that hold the same words in whatever order, case and punctuation."""
    texts = [text_of(message).lower() for message in body.get("messages", ())]
    words = [" ".join(sorted(re.findall(r"\w+", text))) for text in texts]
    return "meaning " + json.dumps([body.get("model"), words])
