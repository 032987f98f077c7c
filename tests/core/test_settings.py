"""Where a setting comes from: arguments, environment, settings file, default; and what follows from the variables of others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core.config import SETTINGS, SettingsFile, effective, read_size, resolved, setting, use_file
from fastagentic.core.environment import HONOURED, Chosen, chosen_destinations, is_disabled, unknown_exporters
from fastagentic.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def file() -> Iterator[Callable[..., None]]:
    """A settings file with these keys, as if it had been found."""
    yield lambda **values: use_file(SettingsFile("/srv/app/pyproject.toml", "tool.fastagentic", values))
    use_file(None)


# --- precedence -----------------------------------------------------------------------------------


def test_the_environment_beats_the_file_which_beats_the_default(file: Callable[..., None]) -> None:
    assert setting("keep", environ={}) == 30 * 86_400
    file(keep="7d")
    assert setting("keep", environ={}) == 7 * 86_400
    assert setting("keep", environ={"FASTAGENTIC_KEEP": "1d"}) == 86_400


def test_an_argument_beats_all(file: Callable[..., None]) -> None:
    file(durability="normal")

    assert setting("durability", "crash", {"FASTAGENTIC_DURABILITY": "normal"}) == "crash"


def test_each_source_is_named(file: Callable[..., None]) -> None:
    file(logs=True)

    assert resolved("logs", environ={}).source == "/srv/app/pyproject.toml [tool.fastagentic] logs"
    assert resolved("logs", environ={"FASTAGENTIC_LOGS": "no"}).source == "FASTAGENTIC_LOGS"
    assert resolved("logs", False, {}).source == "argument of instrument()"
    assert resolved("propagate", environ={}).source == "default"


@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in {"destinations", "clients"}])
def test_an_empty_variable_is_none(name: str) -> None:
    assert resolved(name, environ={SETTINGS[name].env: " "}).source == "default"


@pytest.mark.parametrize("name", ["destinations", "clients"])
def test_an_empty_list_of_names_says_something(name: str) -> None:
    assert setting(name, environ={SETTINGS[name].env: ""}) == ()


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("destinations", ["otlp", "local"], ("otlp", "local")),
        ("destinations", "otlp, local", ("otlp", "local")),
        ("destinations", "otlp=https://one:4318, otlp=https://two:4318", ("otlp=https://one:4318", "otlp=https://two:4318")),
        ("capture_content", True, True),
        ("capture_content", "no", False),
        ("spool_max_size", "2GiB", 2 << 30),
        ("spool_max_age", "all", None),
        ("export_timeout", "3s", 3.0),
        ("prices", {"gpt-4o": {"input": 2}}, {"gpt-4o": {"input": 2}}),
        ("service_name", "checkout", "checkout"),
    ],
)
def test_a_file_holds_text_or_what_toml_has_for_it(file: Callable[..., None], name: str, value: Any, read: Any) -> None:
    file(**{name: value})

    assert setting(name, environ={}) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [("capture_content", 1), ("keep", 30), ("durability", "fast"), ("export_timeout", "0s"), ("service_name", True)],
)
def test_a_bad_value_in_a_file_is_an_error_that_says_where_it_stands(file: Callable[..., None], name: str, value: Any) -> None:
    file(**{name: value})

    with pytest.raises(ConfigError) as caught:
        setting(name, environ={})

    place = f"/srv/app/pyproject.toml [tool.fastagentic] {name}"
    assert str(caught.value) == f"{name} ({place}) is {value!r}; it takes {SETTINGS[name].accepted}"


@pytest.mark.parametrize(
    ("name", "value"), [("durability", "fast"), ("durability", 5), ("capture_content", "maybe"), ("logs", 1)]
)
def test_a_bad_argument_is_an_error_that_names_it(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"{name} \(argument of instrument\(\)\) is {value!r}; it takes "):
        setting(name, value, {})


def test_content_is_not_captured_because_a_text_is_true() -> None:
    assert setting("capture_content", "false", {}) is False


def test_a_path_is_taken_for_prices() -> None:
    assert setting("prices", Path("prices.toml"), {}) == Path("prices.toml")


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MB", 512_000_000), ("1.5 GB", 1_500_000_000), ("64KiB", 65_536), ("2gib", 2 << 30), ("100", 100), ("1 b", 1)],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "0", "5 iB", "5TB", "many"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_size(text)


# --- what others' variables say -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "captures"),
    [
        ("SPAN_ONLY", True),
        ("span_and_event", True),
        ("true", True),
        ("EVENT_ONLY", False),
        ("NO_CONTENT", False),
        ("", False),
        ("x", False),
    ],
)
def test_content_is_captured_where_the_conventions_variable_says_spans(mode: str, captures: bool) -> None:
    assert setting("capture_content", environ={"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": mode}) is captures


def test_our_variable_beats_the_conventions_which_beats_the_file(file: Callable[..., None]) -> None:
    theirs = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT"}
    file(capture_content=True)

    assert setting("capture_content", environ=theirs) is False
    assert setting("capture_content", environ={**theirs, "FASTAGENTIC_CAPTURE_CONTENT": "true"}) is True


@pytest.mark.parametrize(
    ("environ", "name", "source"),
    [
        ({"OTEL_SERVICE_NAME": "theirs"}, "theirs", "OTEL_SERVICE_NAME"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "team=a,service.name=the%20irs"}, "the irs", "OTEL_RESOURCE_ATTRIBUTES"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "team=a"}, "ours", "argument of instrument()"),
        ({"FASTAGENTIC_SERVICE_NAME": "other"}, "ours", "argument of instrument()"),
    ],
)
def test_opentelemetrys_service_name_beats_ours(environ: dict[str, str], name: str, source: str) -> None:
    found = resolved("service_name", "ours", environ)

    assert (found.value, found.source) == (name, source)


LANGFUSE = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"}
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environ", "chosen"),
    [
        ({}, Chosen(("local",), "")),
        (ENDPOINT, Chosen(("otlp",), "OTEL_EXPORTER_OTLP_ENDPOINT")),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, Chosen(("otlp",), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, Chosen(("local",), "")),
        ({"OTEL_TRACES_EXPORTER": "otlp, console"}, Chosen(("otlp", "console"), "OTEL_TRACES_EXPORTER")),
        ({"OTEL_TRACES_EXPORTER": "Console"}, Chosen(("console",), "OTEL_TRACES_EXPORTER")),
        ({"OTEL_TRACES_EXPORTER": "none", **ENDPOINT}, Chosen(("local",), "")),
        ({"OTEL_TRACES_EXPORTER": "console", **ENDPOINT}, Chosen(("console",), "OTEL_TRACES_EXPORTER")),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, Chosen(("local",), "")),
        (LANGFUSE, Chosen(("langfuse",), "LANGFUSE_PUBLIC_KEY")),
        ({**LANGFUSE, **ENDPOINT}, Chosen(("otlp", "langfuse"), "OTEL_EXPORTER_OTLP_ENDPOINT, LANGFUSE_PUBLIC_KEY")),
        ({**LANGFUSE, "OTEL_TRACES_EXPORTER": "none"}, Chosen(("langfuse",), "LANGFUSE_PUBLIC_KEY")),
        ({"LANGFUSE_PUBLIC_KEY": "pk-lf-1"}, Chosen(("local",), "")),
        ({**LANGFUSE, "LANGFUSE_TRACING_ENABLED": "False"}, Chosen(("local",), "")),
        ({**LANGFUSE, **ENDPOINT, "OTEL_CONFIG_FILE": "otel.yaml"}, Chosen(("local",), "")),
    ],
)  # fmt: skip
def test_destinations_follow_from_the_environment_when_none_is_named(environ: dict[str, str], chosen: Chosen) -> None:
    assert chosen_destinations(environ) == chosen


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ("local",)),
        (ENDPOINT, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp", **ENDPOINT}, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("local",)),  # opentelemetry-instrument sets it for everybody
        ({"OTEL_TRACES_EXPORTER": "none", **ENDPOINT}, ("local",)),
        ({**LANGFUSE, **ENDPOINT}, ("langfuse",)),
    ],
)
def test_on_a_provider_of_the_users_own_what_its_exporter_sends_is_not_sent_twice(
    environ: dict[str, str], names: tuple[str, ...]
) -> None:
    assert chosen_destinations(environ, is_ours=False).names == names


def test_an_exporter_that_is_not_ours_is_known_for_one() -> None:
    assert unknown_exporters({"OTEL_TRACES_EXPORTER": "otlp,zipkin, none"}) == ("zipkin",)


@pytest.mark.parametrize(
    ("environ", "is_off"),
    [
        ({}, False),
        ({"OTEL_SDK_DISABLED": "TRUE"}, True),
        ({"OTEL_SDK_DISABLED": "1"}, False),  # the specification knows true alone
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "requests, fastagentic"}, True),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, True),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "requests"}, False),
    ],
)
def test_opentelemetrys_variables_switch_us_off(environ: dict[str, str], is_off: bool) -> None:
    assert is_disabled(environ) is is_off


def test_every_variable_of_one_signal_is_known_too() -> None:
    (row,) = [row for row in HONOURED if row.name == "OTEL_EXPORTER_OTLP_HEADERS"]

    assert row.is_secret
    assert "OTEL_EXPORTER_OTLP_TRACES_HEADERS" in row.spellings


# --- all of them ----------------------------------------------------------------------------------


def test_the_effective_settings_are_all_there_with_a_bad_one_as_it_was_written(file: Callable[..., None]) -> None:
    file(keep="90d")

    found = {one.name: one for one in effective({"logs": True}, {"FASTAGENTIC_EXIT_TIMEOUT": "soon", **ENDPOINT})}

    assert list(found) == list(SETTINGS)
    assert (found["keep"].value, found["logs"].source) == (90 * 86_400, "argument of instrument()")
    assert (found["destinations"].value, found["destinations"].source) == (("otlp",), "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert found["exit_timeout"].value == "soon"
    assert "exit_timeout (FASTAGENTIC_EXIT_TIMEOUT) is 'soon'" in str(found["exit_timeout"].problem)


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("redact", "a function from text to text"),
        ("tracer_provider", "a TracerProvider of OpenTelemetry's"),
        ("meter_provider", "a MeterProvider of OpenTelemetry's"),
    ],
)
def test_an_argument_that_is_no_such_object_is_told_at_once(name: str, accepted: str) -> None:
    import fastagentic

    with pytest.raises(ConfigError, match=rf"{name} \(argument of instrument\(\)\) is 'wrong'; it takes {accepted}"):
        fastagentic.instrument(**{name: "wrong"})

    fastagentic.instrument(destinations=[])  # nothing of the first attempt stands
