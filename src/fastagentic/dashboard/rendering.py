"""Pages from templates: the environment of Jinja, with our words for money and time as filters. Everything is escaped."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from fastagentic._version import __version__
from fastagentic.core import words

from . import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

STATIC: Final = Path(__file__).with_name("static")
PAGES: Final = (
    ("/", "Overview"),
    ("/runs", "Runs"),
    ("/models", "Models"),
    ("/compare", "Compare"),
    ("/what-if", "What if"),
    ("/health", "Health"),
)


@cache
def environment() -> Environment:
    """The one environment."""
    made = Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "money": words.money,
        "part_known": words.part_known,
        "duration": _duration,
        "count": words.count,
        "some": words.some,
        "share": words.share,
        "size": words.size,
        "plural": words.plural,
        "local_time": words.local_time,
        "iso": words.iso_time,
        "printable": words.printable,
        "utc_field": _utc_field,
    }
    made.globals |= {"pages": PAGES, "version": __version__, "NOTHING": words.NOTHING}
    return made


def page(
    request: Request, template: str, /, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """A page. In a template `url(path, name=value)` is the address of another one."""

    def url(path: str, parameters: Mapping[str, object] | None = None, /, **more: object) -> str:
        return paths.url(request, path, parameters, **more)

    def static(name: str) -> str:
        return paths.url(request, f"/static/{name}", v=_fingerprint(name))

    here = paths.route_path(request)
    text = environment().get_template(template).render(request=request, url=url, static=static, here=here, **values)
    # HTML has no way to say NUL.
    return HTMLResponse(text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode(errors="replace"), status, headers)


@cache
def _fingerprint(name: str) -> str:
    """So that a browser asks again for a file that a newer version brought."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _utc_field(moment: datetime | None) -> str:
    """As a field for date and time takes it."""
    if moment is None:
        return ""
    return f"{moment.astimezone(UTC) if moment.tzinfo else moment:%Y-%m-%dT%H:%M}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return words.NOTHING
    return f"-{words.duration(-seconds)}" if seconds < 0 else words.duration(seconds)
