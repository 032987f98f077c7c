#!/usr/bin/env python3
"""Whether Prometheus and ClickHouse agree on what LLM calls cost: to be run every hour. Standard library only.

    check.py                          the last whole hour that ended at least 15 minutes ago
    check.py --hour 2026-11-25T09     that hour (UTC)

Exit status: 0 they agree, 1 they do not, 2 one of them could not be asked. Settings are environment variables, see README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta

DIFFERENCE = "fastagentic_consistency_difference_ratio"
CHECKED = "fastagentic_consistency_checked_timestamp_seconds"

COST = "fastagentic_cost_USD_total"
# A counter that was not there in the hour before began at 0 in this one: all of it counts. `increase` alone would leave out its
# first value.
PROMETHEUS = (
    f"sum by (service_name) ((last_over_time({COST}[{{window}}s])"
    f" unless last_over_time({COST}[{{window}}s] offset {{window}}s)) or increase({COST}[{{window}}s]))"
)
CLICKHOUSE = """
SELECT service, toFloat64(sum(cost_usd)) AS usd FROM otel.llm_cost_1m
WHERE minute >= toDateTime({since:Int64}) AND minute < toDateTime({until:Int64}) GROUP BY service FORMAT JSONEachRow
"""

SETTLED = timedelta(minutes=15)
"""How long after an hour's end its last spans have arrived."""


def prometheus_usd(url: str, since: int, until: int) -> dict[str, float]:
    """USD by service from the counters, asked one export (a minute) after the hour: then its last calls are counted."""
    query = PROMETHEUS.format(window=until - since)
    lag = int(os.environ.get("EXPORT_LAG_SECONDS", "60"))
    parameters = urllib.parse.urlencode({"query": query, "time": until + lag})
    answer = json.loads(ask(f"{url.rstrip('/')}/api/v1/query?{parameters}"))
    return {one["metric"].get("service_name", ""): float(one["value"][1]) for one in answer["data"]["result"]}


def clickhouse_usd(url: str, since: int, until: int) -> dict[str, float]:
    """USD by service from the calls, over ClickHouse's HTTP interface."""
    parameters = urllib.parse.urlencode({"param_since": since, "param_until": until})
    headers = {"X-ClickHouse-User": os.environ.get("CLICKHOUSE_USER", "default")}
    if key := os.environ.get("CLICKHOUSE_PASSWORD"):
        headers["X-ClickHouse-Key"] = key
    answer = ask(f"{url.rstrip('/')}/?{parameters}", headers, CLICKHOUSE.encode())
    return {row["service"]: float(row["usd"]) for row in map(json.loads, answer.splitlines())}


def ask(url: str, headers: dict[str, str] | None = None, body: bytes | None = None, method: str | None = None) -> str:
    """The body of an answer. Raises OSError with what the server said."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url.split('?')[0]!r} is no address that begins with http:// or https://")
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)  # noqa: S310  # seen to above
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        raise OSError(f"HTTP {error.code}: {error.read().decode(errors='replace')[:500]}") from error


def difference(prometheus: float, clickhouse: float, floor: float) -> float:
    """By how much Prometheus is above ClickHouse, as a share of the larger one; below `floor` USD apart they are equal."""
    if abs(prometheus - clickhouse) <= floor:
        return 0.0
    return (prometheus - clickhouse) / max(abs(prometheus), abs(clickhouse))


def table(prometheus: dict[str, float], clickhouse: dict[str, float], floor: float) -> list[dict[str, object]]:
    """A row a service, and the total last."""
    rows = [(name, prometheus.get(name, 0.0), clickhouse.get(name, 0.0)) for name in sorted({*prometheus, *clickhouse})]
    rows.append(("total", sum(prometheus.values()), sum(clickhouse.values())))
    return [
        {"service": name, "prometheus_usd": mine, "clickhouse_usd": theirs, "difference": difference(mine, theirs, floor)}
        for name, mine, theirs in rows
    ]


def exposition(ratio: float, now: float) -> str:
    """What Prometheus is told of the check."""
    return (
        f"# HELP {DIFFERENCE} LLM cost of an hour: Prometheus above ClickHouse, as a share of the larger.\n"
        f"# TYPE {DIFFERENCE} gauge\n{DIFFERENCE} {ratio:.6f}\n"
        f"# HELP {CHECKED} When it was last compared.\n"
        f"# TYPE {CHECKED} gauge\n{CHECKED} {now:.0f}\n"
    )


def write_textfile(path: str, text: str) -> None:
    """Put it where the node exporter's textfile collector reads, whole or not at all."""
    folder = os.path.dirname(os.path.abspath(path))
    handle, name = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.chmod(name, 0o644)
    os.replace(name, path)


def window(arguments: argparse.Namespace, now: datetime) -> tuple[int, int]:
    """The hour to compare, in seconds since 1970."""
    if arguments.hour is None:
        since = (now - SETTLED).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    else:
        since = datetime.strptime(arguments.hour, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    return int(since.timestamp()), int((since + timedelta(hours=1)).timestamp())


def main() -> int:
    """Compare, tell, and say by the exit status how it went."""
    parser = argparse.ArgumentParser(description="Compare the cost of an hour of LLM calls in Prometheus and in ClickHouse.")
    parser.add_argument("--hour", metavar="YYYY-MM-DDTHH", help="the hour that begins then, UTC")
    parser.add_argument("--tolerance", type=float, default=0.02, help="how far apart they may be; 0.02 is 2 %%")
    parser.add_argument("--floor", type=float, default=0.01, metavar="USD", help="a difference that does not matter")
    parser.add_argument("--json", action="store_true", help="one JSON array, for programs")
    arguments = parser.parse_args()
    now = datetime.now(UTC)
    try:
        since, until = window(arguments, now)
    except ValueError:
        parser.error(f"--hour is {arguments.hour!r}; it takes an hour such as 2026-11-25T09")
    try:
        prometheus = prometheus_usd(os.environ.get("PROMETHEUS_URL", "http://127.0.0.1:9090"), since, until)
        clickhouse = clickhouse_usd(os.environ.get("CLICKHOUSE_URL", "http://127.0.0.1:8123"), since, until)
        rows = table(prometheus, clickhouse, arguments.floor)
        ratio = float(str(rows[-1]["difference"]))
        text = exposition(ratio, now.timestamp())
        if path := os.environ.get("TEXTFILE"):
            write_textfile(path, text)
        if url := os.environ.get("PUSHGATEWAY_URL"):
            ask(f"{url.rstrip('/')}/metrics/job/fastagentic-consistency", body=text.encode(), method="PUT")
    except (OSError, ValueError, KeyError) as error:
        print(f"not compared: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        print(f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M} UTC, one hour")
        for row in rows:
            print("{service:<32} {prometheus_usd:>14.6f} {clickhouse_usd:>14.6f} {difference:>+9.2%}".format(**row))
    return 1 if abs(ratio) > arguments.tolerance else 0


if __name__ == "__main__":
    sys.exit(main())
