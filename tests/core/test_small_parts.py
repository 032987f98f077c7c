"""Ids, the guard, settings: the small parts that every room leans on."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastagentic.core import guard
from fastagentic.core.config import SETTINGS, read_duration, setting
from fastagentic.core.errors import ConfigError
from fastagentic.core.guard import never_break
from fastagentic.core.ids import format_trace_id, trace_id_of

if TYPE_CHECKING:
    import uuid

FAIL = never_break("do a test thing")


@given(st.uuids())
def test_a_uuid_is_taken_bit_for_bit_in_every_spelling(given_id: uuid.UUID) -> None:
    for spelling in (given_id, str(given_id), given_id.hex, given_id.urn, f"{{{given_id}}}", str(given_id).upper()):
        assert trace_id_of(spelling) == given_id.int or given_id.int == 0


@given(st.text(st.characters(codec=None, categories=["L", "N", "Cs", "So"])))
def test_any_text_becomes_a_valid_trace_id(text: str) -> None:
    assert 0 < trace_id_of(text) < 1 << 128


def test_other_texts_are_hashed_as_langfuse_does() -> None:
    expected = hashlib.sha256(b"order-42").hexdigest()[:32]
    assert format_trace_id(trace_id_of("order-42")) == expected


def test_the_all_zero_id_is_no_trace_id_and_is_hashed() -> None:
    assert trace_id_of("0" * 32) != 0


@pytest.mark.swallows_failures
def test_the_guard_logs_a_kind_once_with_its_stack_and_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    prompt = " ".join(["the", "prompt", "of", "a", "user"])
    for _ in range(3):
        with FAIL:
            raise ValueError(prompt)
    assert guard.failures["do a test thing", "ValueError"] == 3
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "could not do a test thing (ValueError)" in record.getMessage()
    assert __file__ in record.getMessage()
    assert prompt not in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_the_guard_lets_through_what_is_no_exception(error: type[BaseException]) -> None:
    with pytest.raises(error), FAIL:
        raise error


def test_the_guard_is_loud_in_our_own_suite() -> None:
    with pytest.raises(ValueError, match="heard"), FAIL:
        raise ValueError("heard")
    guard.failures.clear()


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2_592_000), ("24h", 86_400), ("90m", 5_400), ("45s", 45), ("2w", 1_209_600), ("1.5h", 5_400)]
)
def test_amounts_of_time_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "moons", "-1d", "1 day", "d", "1e3s"])
def test_an_amount_of_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_duration(text)


def test_all_is_no_limit() -> None:
    assert read_duration("all") is None


@pytest.mark.parametrize(("name", "value"), [("keep", "30 moons"), ("propagate", "perhaps"), ("exit_timeout", "soon")])
def test_a_bad_variable_is_an_error_that_names_it_its_value_and_what_is_accepted(name: str, value: str) -> None:
    row = SETTINGS[name]
    with pytest.raises(ConfigError) as caught:
        setting(name, environ={row.env: value})
    assert all(part in str(caught.value) for part in (name, row.env, repr(value), row.accepted))


@pytest.mark.parametrize(
    ("argument", "environ", "effective"),
    [(False, {"FASTAGENTIC_PROPAGATE": "true"}, False), (None, {"FASTAGENTIC_PROPAGATE": "off"}, False), (None, {}, True)],
)
def test_arguments_beat_the_environment_which_beats_the_default(
    argument: Any, environ: dict[str, str], effective: bool
) -> None:
    assert setting("propagate", argument, environ) is effective
