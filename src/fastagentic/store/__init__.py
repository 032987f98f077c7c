"""The local store: a SQLite file that many processes write and anybody reads. It knows rows, not spans or calls."""
