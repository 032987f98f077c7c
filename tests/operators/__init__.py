"""What operators run: the collector, Prometheus, dashboards, rules and ClickHouse, each the real one.

`collector.py`, `prometheus.py` and `workload.py` start what the tests need; `conftest.py` has the fixtures. Every test here
carries the marker `operators`.
"""
