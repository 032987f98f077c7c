"""A picture of each dashboard without a Grafana: the committed JSON, its queries answered by a real Prometheus and ClickHouse.

`interpolate.py` does to a query what Grafana does before it sends it, `answers.py` asks, `page/` draws, `picture.py` takes the
picture. It is a preview: what it draws resembles Grafana, and is not Grafana.
"""
