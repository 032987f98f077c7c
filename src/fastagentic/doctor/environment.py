"""What is installed and set here, as far as it can stand in the way. One function a rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .finding import Told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .evidence import Evidence

CLIENTS: Final = ("portkey-ai", "litellm", "openai")
COMPROMISED: Final = re.compile(r"1\.82\.[78]|1\.107\..+")
"""Releases of LiteLLM that somebody else had put code into."""


def settings_wrong(evidence: Evidence) -> Iterator[Told]:
    """Settings that cannot be used."""
    for problem in evidence.settings_problems:
        yield Told(
            "a setting cannot be used", problem, "Mend it where it was set; `fastagentic status --config` shows all of them."
        )


def switched_off(evidence: Evidence) -> Iterator[Told]:
    """Somebody switched observation off."""
    if evidence.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Told("nothing is recorded here", "OTEL_SDK_DISABLED is true", "Unset it where calls are to be recorded.")


def no_client(evidence: Evidence) -> Iterator[Told]:
    """No client that could be observed."""
    if evidence.versions and not any(evidence.versions.get(name) for name in CLIENTS):
        yield Told(
            "none of portkey-ai, litellm and openai is installed",
            "there is no client whose calls could be observed in this environment",
            "pip install 'fastagentic[portkey]' or 'fastagentic[litellm]', or run the doctor where the program runs.",
        )


def litellm_compromised(evidence: Evidence) -> Iterator[Told]:
    """A release of LiteLLM that must not run."""
    version = evidence.versions.get("litellm")
    if version and COMPROMISED.fullmatch(version):
        yield Told(
            f"LiteLLM {version} is installed",
            "that release was compromised on the package index",
            "Uninstall it now, install another release, and change the keys that this machine has seen.",
        )


def litellm_responses_need_mcp(evidence: Evidence) -> Iterator[Told]:
    """`litellm.responses` imports a package that it does not install."""
    if evidence.versions.get("litellm") and evidence.versions.get("mcp", "") is None:
        yield Told(
            "the package mcp is not installed",
            "litellm.responses() imports it, and raises APIConnectionError without it",
            "pip install mcp, if the program calls litellm.responses(); no other call needs it.",
        )
