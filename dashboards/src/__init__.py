"""The Grafana dashboards as code: `python -m dashboards.src` writes them, `--check` says whether they are up to date.

A panel is one function in `llm_cost.py`, `gateway_reliability.py`, `latency_tokens.py` or `run_explorer.py`. Below them:
`board.py` (what a dashboard is), `look.py` (how panels look), `promql.py` and `clickhouse.py` (how they ask), `series.py`
(what OpenTelemetry's names are called in Prometheus), `lint.py` (what must hold of the JSON).
"""
