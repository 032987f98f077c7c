"""The cases of tests/pricing/cases.toml, priced by us, by LiteLLM and by genai-prices; where they disagree, into docs/cost.md.

    python scripts/price_cases.py            # what everybody comes to
    python scripts/price_cases.py --write    # and the disagreements into the page

A test fails when the page and what this finds are no longer the same.
"""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its list as it was released, not as it is today

REPO = Path(__file__).resolve().parents[1]
CASES = REPO / "tests/pricing/cases.toml"
PAGE = REPO / "docs/cost.md"
BEGIN = "<!-- written by scripts/price_cases.py -->"
END = "<!-- up to here -->"
NOW = "2026-11-23"
WORTH_MENTIONING = Decimal("0.001")

# What genai-prices calls the counts and the tiers.
TABLE_COUNTS = {
    "input_tokens": ("input_tokens",),
    "output_tokens": ("output_tokens",),
    "cache_read_tokens": ("cache_read_tokens",),
    "cache_write_tokens": ("cache_write_tokens",),
    "cache_write_1h_tokens": ("cache_write_1h_tokens",),
    "reasoning_tokens": ("output_reasoning_tokens",),
    "input_audio_tokens": ("input_audio_tokens",),
    "output_audio_tokens": ("output_audio_tokens",),
    "input_image_tokens": ("input_image_tokens",),
    "output_image_tokens": ("output_image_tokens",),
    "audio_seconds": ("audio_seconds", "input_audio_seconds"),
    "input_characters": ("input_characters",),
    "web_searches": ("web_searches",),
}


@dataclass(frozen=True)
class Case:
    """One call, what it costs, and why somebody may come to something else."""

    provider: str
    model: str
    usage: dict[str, Any]
    usd: str
    source: str
    sum: str = ""
    tier: str | None = None
    at: str = NOW
    litellm: str = ""
    why: str = ""

    @property
    def expected(self) -> Decimal | None:
        """USD; None where the price is unknown."""
        return None if self.usd == "unknown" else Decimal(self.usd)

    @property
    def name(self) -> str:
        """The case in a few words."""
        counts = ", ".join(
            f"{count.removesuffix('_tokens').replace('_', ' ')} {number:,}" for count, number in self.usage.items()
        )
        return f"{self.provider}/{self.model}{f' ({self.tier})' if self.tier else ''}: {counts or 'nothing counted'}"


def cases() -> list[Case]:
    """All cases."""
    return [Case(**row) for row in tomllib.loads(CASES.read_text())["case"]]


def by_us(case: Case) -> Decimal | None:
    """As a call through Portkey would be priced."""
    from fastagentic.core.call import LLMCall, Usage
    from fastagentic.core.names import Operation
    from fastagentic.pricing import Pricing
    from fastagentic.pricing.entries import read_moment

    call = LLMCall("portkey", "portkey", Operation.CHAT, case.provider, case.model, usage=Usage(**case.usage))
    call.service_tier = case.tier
    call.started_ns = read_moment(case.at) or 0
    cost = Pricing().price(call, lambda _: None)
    return None if cost is None else cost.usd


def by_litellm(case: Case) -> Decimal | None:
    """By LiteLLM's calculator; None where it does not know the model, or is not asked."""
    import litellm

    if not case.litellm:
        return None
    provider, _, model = case.litellm.partition("/")
    counts = case.usage
    asked: dict[str, Any] = {"usage_object": litellm.Usage(**_litellm_usage(counts)), "service_tier": case.tier}
    if "audio_seconds" in counts:
        asked = {"call_type": "transcription", "audio_transcription_file_duration": counts["audio_seconds"]}
    elif "input_characters" in counts:
        asked = {"call_type": "speech", "prompt_characters": counts["input_characters"]}
    try:
        parts = litellm.cost_per_token(model=model, custom_llm_provider=provider, **asked)
    except Exception:  # noqa: BLE001  # a model that it does not know raises the bare Exception
        return None
    return sum((Decimal(repr(part)) for part in parts), Decimal(0))


def _litellm_usage(counts: dict[str, Any]) -> dict[str, Any]:
    read, written = counts.get("cache_read_tokens", 0), counts.get("cache_write_tokens", 0)
    given, made, hour = counts.get("input_tokens", 0), counts.get("output_tokens", 0), counts.get("cache_write_1h_tokens", 0)
    usage: dict[str, Any] = {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": {
            "cached_tokens": read,
            "audio_tokens": counts.get("input_audio_tokens", 0),
            "image_tokens": counts.get("input_image_tokens", 0),
            "cache_creation_tokens": written,
        },
        "completion_tokens_details": {
            "reasoning_tokens": counts.get("reasoning_tokens", 0),
            "audio_tokens": counts.get("output_audio_tokens", 0),
            "image_tokens": counts.get("output_image_tokens", 0),
        },
    }
    if written:
        usage["cache_creation_input_tokens"] = written
        by_age = {"ephemeral_1h_input_tokens": hour, "ephemeral_5m_input_tokens": written - hour}
        usage["prompt_tokens_details"]["cache_creation_token_details"] = by_age
    return usage


def by_table(case: Case) -> Decimal | None:
    """By genai-prices' own calculation; None where it does not know the model under this name."""
    from genai_prices import Usage, calc_price

    from fastagentic.pricing.spellings import table_id
    from fastagentic.pricing.table import TIERS

    counts = {name: number for ours, number in case.usage.items() for name in TABLE_COUNTS[ours]}
    try:
        return calc_price(
            Usage(**counts),
            case.model,
            provider_id=table_id(case.provider),
            genai_request_timestamp=datetime.fromisoformat(case.at).replace(tzinfo=UTC),
            price_context=TIERS.get(case.tier or ""),
        ).total_price
    except LookupError:
        return None


def disagrees(usd: Decimal | None, other: Decimal | None) -> bool:
    """Whether a library that knows the model comes to something else by more than 0.1 %."""
    if other is None:
        return False
    return usd is None or abs(other - usd) > abs(usd) * WORTH_MENTIONING


def section() -> str:
    """The part of docs/cost.md that says where we disagree."""
    rows = [(case, by_us(case), by_litellm(case), by_table(case)) for case in cases()]
    lines = [
        BEGIN,
        "",
        f"{len(rows)} cases in `tests/pricing/cases.toml`, against LiteLLM {version('litellm')} and genai-prices "
        f"{version('genai-prices')}. A dash: it does not know the model under that name.",
        "",
        "| call | here | LiteLLM | genai-prices | why |",
        "|---|---|---|---|---|",
        *(
            f"| {case.name.replace('|', '/')} | {_usd(ours)} | {_usd(litellm, '-')} | {_usd(table, '-')} | {case.why} |"
            for case, ours, litellm, table in rows
            if disagrees(ours, litellm) or disagrees(ours, table)
        ),
        "",
        END,
    ]
    return "\n".join(lines)


def _usd(usd: Decimal | None, nothing: str = "unknown") -> str:
    return nothing if usd is None else f"${round(usd, 7).normalize():f}"


def written() -> str:
    """The same part as it stands on the page."""
    page = PAGE.read_text()
    return page[page.index(BEGIN) : page.index(END) + len(END)]


def main(arguments: list[str]) -> None:
    """Print what everybody comes to, or write the page."""
    if "--write" in arguments:
        PAGE.write_text(PAGE.read_text().replace(written(), section()))
        return
    for case in cases():
        found = by_us(case), by_litellm(case), by_table(case)
        mark = " <-" if disagrees(found[0], found[1]) or disagrees(found[0], found[2]) else ""
        print(f"{case.name}: {case.usd}, {', '.join(_usd(usd, '-') for usd in found)}{mark}")


if __name__ == "__main__":
    main(sys.argv[1:])
