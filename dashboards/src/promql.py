"""The questions panels ask of Prometheus, as functions that return PromQL.

Windows are Grafana's own (`$__rate_interval`, `$__range`), so that a panel fits any scrape interval and any time range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import series

if TYPE_CHECKING:
    from .series import Counter, Histogram, Series

PROCESS: Final = f'job=~"$job", instance=~"$instance", {series.SERVICE}=~"$service"'
CALLS: Final = f'{PROCESS}, {series.MODEL}=~"$model"'
FAILED: Final = f'{series.ERROR_TYPE}!=""'  # the conventions put error.type on the durations of failed calls only


def pick(name: Series | str, *where: str, of: str = CALLS, offset: str = "") -> str:
    """The series of that name which the variables select; `where` are further matchers, `of` which variables count."""
    return f"{name}{{{', '.join([of, *where])}}}" + (f" offset {offset}" if offset else "")


def _sum(what: str, by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)}) ({what})" if by else f"sum({what})"


def per_second(name: Counter | str, *where: str, by: tuple[str, ...] = (), of: str = CALLS) -> str:
    """How much was added a second, over a window that holds at least four scrapes."""
    return _sum(f"rate({pick(name, *where, of=of)}[$__rate_interval])", by)


def per_hour(name: Counter | str, *where: str, by: tuple[str, ...] = ()) -> str:
    """The speed of now, as an amount an hour."""
    return f"3600 * {per_second(name, *where, by=by)}"


def in_range(name: Counter | str, *where: str, by: tuple[str, ...] = (), of: str = CALLS) -> str:
    """How much was added in the time range on display."""
    return _sum(f"increase({pick(name, *where, of=of)}[$__range])", by)


def over(name: Counter | str, window: str, *where: str, offset: str = "", by: tuple[str, ...] = ()) -> str:
    """How much was added a second over a window of its own, whatever is on display: for what compares days or weeks."""
    matched = pick(name, *where)
    return _sum(f"rate({matched}[{window}]{f' offset {offset}' if offset else ''})", by)


def share(part: str, whole: str) -> str:
    """`part` of `whole`, and 0 instead of nothing where no series of `part` exists yet."""
    return f"({part} or 0 * {whole}) / {whole}"


def ratio(part: str, whole: str) -> str:
    """`part` for each `whole`."""
    return f"{part} / {whole}"


def quantile(q: float, histogram: Histogram, *where: str, by: tuple[str, ...] = ()) -> str:
    """A quantile of all instances' buckets together: quantiles themselves can be neither added nor averaged."""
    return f"histogram_quantile({q}, {per_second(histogram.bucket, *where, by=('le', *by))})"


def buckets(histogram: Histogram, *where: str) -> str:
    """What a heatmap is drawn from: how many fell into each bucket between two points of the graph."""
    return f"sum by (le) (increase({pick(histogram.bucket, *where)}[$__rate_interval]))"


def top(n: int, what: str) -> str:
    """The `n` largest of them."""
    return f"topk({n}, {what})"
