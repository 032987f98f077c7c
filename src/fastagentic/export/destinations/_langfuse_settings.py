"""The settings of Langfuse as its own SDK reads them: arguments, then `LANGFUSE_*`. A bad one is told before all else."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fastagentic._version import __version__
from fastagentic.core import names
from fastagentic.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

CLOUD: Final = "https://cloud.langfuse.com"
TRACES: Final = "api/public/otel/v1/traces"
SCORES: Final = "api/public/scores"

PLACE: Final = re.compile(r"(?!langfuse)[a-z0-9_-]{1,40}", re.IGNORECASE)
"""An environment that Langfuse takes; what is of any other gets lost on its side, without an error on ours."""


@dataclass(slots=True, frozen=True)
class LangfuseSettings:
    """A project of Langfuse, and what goes there."""

    public_key: str
    headers: dict[str, str] = field(repr=False)
    """Those of every request, keys among them."""
    traces_url: str = field(repr=False)
    scores_url: str = field(repr=False)
    environment: str | None
    release: str | None
    timeout_s: float | None
    sample_rate: float
    is_on: bool
    """False where `LANGFUSE_TRACING_ENABLED` says so: then nothing goes there."""

    @classmethod
    def read(
        cls,
        public_key: str | None,
        secret_key: str | None,
        base_url: str | None,
        environment: str | None,
        release: str | None,
        timeout_s: float | None,
        sample_rate: float | None,
    ) -> LangfuseSettings:
        """Arguments, then the environment, then the defaults. Raises: ConfigError."""
        is_on = _variable("LANGFUSE_TRACING_ENABLED").lower() not in ("false", "0")
        key = _key("public_key", public_key, "LANGFUSE_PUBLIC_KEY", is_needed=is_on)
        secret = _key("secret_key", secret_key, "LANGFUSE_SECRET_KEY", is_needed=is_on)
        address = _base_url(base_url)
        path = _variable("LANGFUSE_OTEL_TRACES_EXPORT_PATH").lstrip("/") or TRACES
        rate = _number("sample_rate", sample_rate, "LANGFUSE_SAMPLE_RATE", "a share from 0 to 1", _is_share)
        return cls(
            public_key=key,
            headers=_headers(key, secret),
            traces_url=f"{address}/{path}",
            scores_url=f"{address}/{SCORES}",
            environment=_environment(environment),
            release=(release or _variable("LANGFUSE_RELEASE")) or None,
            timeout_s=_number("timeout_s", timeout_s, "LANGFUSE_TIMEOUT", "a number of seconds above 0", _is_above_0),
            sample_rate=1.0 if rate is None else rate,
            is_on=is_on,
        )


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _headers(public_key: str, secret_key: str) -> dict[str, str]:
    """As Langfuse's SDK sends them; ingestion version 4 shows a trace within seconds instead of minutes."""
    return {
        "authorization": "Basic " + base64.b64encode(f"{public_key}:{secret_key}".encode()).decode(),
        "x-langfuse-sdk-name": names.SCOPE,
        "x-langfuse-sdk-version": __version__,
        "x-langfuse-public-key": public_key,
        "x-langfuse-ingestion-version": "4",
    }


def _key(name: str, argument: str | None, variable: str, *, is_needed: bool) -> str:
    found = _variable(variable) if argument is None else argument.strip()
    if not found and is_needed:
        raise ConfigError(
            f"{name} of the Langfuse destination is missing: set {variable}, which Langfuse shows in the project's settings "
            "under API keys, or leave langfuse out of the destinations"
        )
    return found


def _base_url(argument: str | None) -> str:
    given = {"argument": argument, **{name: _variable(name) for name in ("LANGFUSE_BASE_URL", "LANGFUSE_HOST")}}
    source, url = next(((source, url.strip()) for source, url in given.items() if url and url.strip()), ("", CLOUD))
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError.of("base_url", url.rpartition("@")[2], f"an address such as {CLOUD}", source=source)
    return url.rstrip("/")


def _environment(argument: str | None) -> str | None:
    source = "LANGFUSE_TRACING_ENVIRONMENT" if argument is None else "argument"
    found = _variable(source) if argument is None else argument.strip()
    if found and not PLACE.fullmatch(found):
        accepted = "up to 40 letters, digits, hyphens and underscores, and does not begin with langfuse"
        raise ConfigError.of("environment", found, accepted, source=source)
    return found.lower() or None


def _number(name: str, argument: float | None, variable: str, accepted: str, is_fit: Callable[[float], bool]) -> float | None:
    text = _variable(variable)
    if argument is None and not text:
        return None
    try:
        number = float(text) if argument is None else float(argument)
    except ValueError:
        number = float("nan")
    if not is_fit(number):
        source, value = ("argument", argument) if argument is not None else (variable, text)
        raise ConfigError.of(name, value, accepted, source=source)
    return number


def _is_above_0(seconds: float) -> bool:
    return 0 < seconds < float("inf")


def _is_share(share: float) -> bool:
    return 0 <= share <= 1
