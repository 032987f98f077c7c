"""Randomness that a seed decides: the same parts give the same numbers and the same text, on every machine.

Called by the plan, which writes prompts with it, and by the stand-in, which writes answers with it.
"""

from __future__ import annotations

import random
from typing import Final

SUBJECTS: Final = (
    "The invoice", "Our team", "The second clause", "The customer", "A delivery note", "The night shift",
    "The supplier", "This quarter", "The refund", "The carrier", "An earlier ticket", "The renewal",
)  # fmt: skip
VERBS: Final = (
    "mentions", "confirms", "leaves open", "depends on", "contradicts", "was checked against",
    "arrived before", "explains", "refers to", "was booked under", "changes", "covers",
)  # fmt: skip
OBJECTS: Final = (
    "the order of 14 March", "a notice period of ninety days", "the lower tariff", "two open positions",
    "the amended annex", "a shipment from Gdansk", "the last reminder", "an exchange within warranty",
    "the cap on liability", "three duplicate entries", "the agreed discount", "a delay of four days",
)  # fmt: skip


def seeded(*parts: object) -> random.Random:
    """A random generator that the parts decide."""
    return random.Random("\x1f".join(str(part) for part in parts))  # noqa: S311  # a demo's dice, no secret


def prose(dice: random.Random, characters: int) -> str:
    """Plain sentences, at least one, up to about `characters` long."""
    sentences: list[str] = []
    length = 0
    while not sentences or length < characters:
        words = (dice.choice(SUBJECTS), dice.choice(VERBS), dice.choice(OBJECTS))
        sentences.append(" ".join(words) + ".")
        length += len(sentences[-1]) + 1
    return " ".join(sentences)
