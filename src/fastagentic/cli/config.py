"""`fastagentic status --config`: every setting as it holds here and now, where it came from, and what else is heeded.

Nothing secret is shown: headers and keys are masked whatever they hold, and of an address only what is no password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastagentic._settings_file import load_settings_file
from fastagentic.core import config, words
from fastagentic.core.config import SETTINGS, effective
from fastagentic.core.environment import HONOURED, is_disabled, unknown_exporters
from fastagentic.store.location import HOME_VARIABLE, store_home

from .dashboard import TOKEN_VARIABLE
from .errors import WRONG_USAGE, say, stop
from .tables import console, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.core.config import Effective
    from fastagentic.core.environment import Honoured

    from .tables import JsonRow

MASK: Final = "***"
VALUE_WIDTH: Final = 32
UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"))
_CREDENTIALS: Final = re.compile(r"(?<=://)[^@,\s]+(?=@)")
_QUERY: Final = re.compile(r"(?<=://)([^?\s]+\?)[^,\s]+")
_SECRET: Final = re.compile(r"((?:key|token|secret|password|authorization)[^=,\s]*=)[^,]+", re.IGNORECASE)


def print_config(*, as_json: bool) -> None:
    """Print the configuration of a process that is started here. Exits with 2 when something in it cannot be used."""
    load_settings_file()
    settings = effective()
    variables = list(_heeded())
    if as_json:
        print_json(
            {"settings": [_json_setting(one) for one in settings], "variables": [_json_variable(*of) for of in variables]}
        )
    else:
        _print_settings(settings, variables)
    problems = [masked(one.problem) for one in settings if one.problem is not None]
    for problem in [*_notes(), *problems[:-1]]:
        say(f"fastagentic: {problem}")
    if problems:
        stop(problems[-1], WRONG_USAGE)


def _print_settings(settings: list[Effective], variables: list[tuple[str, Honoured]]) -> None:
    home_source = HOME_VARIABLE if os.environ.get(HOME_VARIABLE, "").strip() else config.DEFAULT
    rows = [
        *((one.name, written(one), one.source) for one in settings),
        ("home", str(store_home()), home_source),
        *((variable, _shown(variable, row), row.what.replace("`", "")) for variable, row in variables),
    ]
    names, values = (max(len(row[at]) for row in rows) for at in (0, 1))
    target = console()
    for name, value, source in rows:
        line = f"{name:<{names}}  {value:<{min(values, VALUE_WIDTH)}}  {source}"
        target.print(words.printable(line), soft_wrap=True)  # with paths in it: never cut in two


def _heeded() -> Iterator[tuple[str, Honoured]]:
    """The variables of others that are set, with what they do."""
    for row in HONOURED:
        for variable in row.spellings:
            if os.environ.get(variable, "").strip():
                yield variable, row


def _notes() -> Iterator[str]:
    if is_disabled(os.environ):
        yield "switched off: no spans, metrics or store (OTEL_SDK_DISABLED or OTEL_PYTHON_DISABLED_INSTRUMENTATIONS)"
    for name in unknown_exporters(os.environ):
        yield f"OTEL_TRACES_EXPORTER names {name}, which is no destination of fastagentic; it is left out"
    known = {
        HOME_VARIABLE,
        "FASTAGENTIC_GATEWAY_DIR",
        "FASTAGENTIC_RUN_PID",
        TOKEN_VARIABLE,
        *(row.env for row in SETTINGS.values()),
    }
    for variable in sorted(os.environ):
        if variable.startswith("FASTAGENTIC_") and variable not in known:
            yield f"{variable} is no variable of fastagentic"


def written(one: Effective) -> str:
    """A value as one would write it, without what is secret in it.

    Example:
        >>> from fastagentic.core.config import Effective
        >>> written(Effective("keep", 5400.0, "default")), written(Effective("keep", None, "default"))
        ('90m', 'all')
        >>> written(Effective("destinations", ("otlp=https://me:pw@host/", "local"), "default"))
        'otlp=https://***@host/, local'
    """
    value, kind = one.value, SETTINGS[one.name].kind
    if one.problem is not None:
        return masked(str(value))
    if value is None:
        return "all" if kind is config.TIME or one.name == "clients" else words.NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if kind is config.SIZE:
        return words.size(value)
    if kind in (config.TIME, config.WAIT, config.TIMEOUT):
        return _amount(value)
    if isinstance(value, Mapping):
        return f"a table of {words.plural(len(value), 'rule')}"
    return masked(", ".join(map(str, value)) if isinstance(value, tuple) else str(value)) or words.NOTHING


def masked(text: str) -> str:
    """A text without user and password and query of the addresses in it, and without values whose name says key or token.

    Example:
        >>> masked("https://collector:4318/v1/traces?token=x"), masked("team=a,api-key=b")
        ('https://collector:4318/v1/traces?***', 'team=a,api-key=***')
    """
    return _SECRET.sub(rf"\1{MASK}", _QUERY.sub(rf"\1{MASK}", _CREDENTIALS.sub(MASK, text)))


def _amount(seconds: float) -> str:
    for length, unit in UNITS:
        if seconds and not seconds % length:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def _shown(variable: str, row: Honoured) -> str:
    text = os.environ[variable]
    if not row.is_secret:
        return masked(text)
    if "_HEADERS" not in variable:
        return MASK
    return ", ".join(f"{entry.partition('=')[0].strip()}={MASK}" for entry in text.split(",") if "=" in entry) or MASK


def _json_setting(one: Effective) -> JsonRow:
    row = SETTINGS[one.name]
    return {
        "name": one.name,
        "value": _plain(one.value),
        "source": one.source,
        "problem": None if one.problem is None else masked(one.problem),
        "variable": row.env,
        "accepted": row.accepted,
        "help": row.help,
    }


def _json_variable(variable: str, row: Honoured) -> JsonRow:
    return {"name": variable, "value": _shown(variable, row), "what": row.what}


def _plain(value: Any) -> Any:
    """A value in JSON: seconds and bytes as numbers."""
    if isinstance(value, Mapping):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [masked(str(one)) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else masked(str(value))
