"""Which page of `docs/runbooks/` a panel points to where what it shows can alarm: one page an alert."""

from __future__ import annotations

from typing import Final

BUDGET_BURN: Final = "llm-budget-burn"
ANOMALY: Final = "llm-cost-anomaly"
UNPRICED: Final = "llm-unpriced-model"
CACHE: Final = "llm-cache-hit-rate-drop"
FALLBACKS: Final = "llm-fallback-storm"
ERRORS: Final = "llm-error-budget-burn"
DROPPED: Final = "llm-telemetry-dropped"
SPOOL: Final = "llm-spool-growing"
