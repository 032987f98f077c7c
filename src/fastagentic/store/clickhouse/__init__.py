"""The store of a whole fleet: the tables of `deploy/clickhouse/`, asked with the same questions as the local store, read only.

`address.py` reads the URL, `wire.py` asks over HTTP, `dialect.py` spells what ClickHouse spells otherwise, and `reader.py`
puts them together. `store/place.py` is who calls them.
"""
