"""ClickHouse's HTTP interface: one query, its parameters, the rows that come back. Nothing of what is asked is known here.

Every request says `readonly`, so that whatever is asked changes nothing, whoever the user is.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from fastagentic._version import __version__
from fastagentic.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .address import Address

VARIABLE: Final = "FASTAGENTIC_STORE"
TIMEOUT_S: Final = 60.0
_TEXT: Final = 160
"""Letters of what the server says of an error."""

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})
"""A parameter is read as a field of a tab-separated line."""

# What the server calls its errors, and what a person can do about them.
_IS_READ_ONLY: Final = 164
_ADVICE: Final = {
    60: "is it the database in which the files of deploy/clickhouse were run, and all of them?",
    81: "is it the database in which the files of deploy/clickhouse were run?",
    47: "run the files of deploy/clickhouse of this version",
    192: "set user and password in FASTAGENTIC_STORE: clickhouse://user:password@host:8123/database",
    193: "set user and password in FASTAGENTIC_STORE: clickhouse://user:password@host:8123/database",
    194: "set user and password in FASTAGENTIC_STORE: clickhouse://user:password@host:8123/database",
    516: "set user and password in FASTAGENTIC_STORE: clickhouse://user:password@host:8123/database",
    497: "the user needs SELECT on the tables and views of deploy/clickhouse",
    _IS_READ_ONLY: "the user's profile lets nobody ask: give it readonly = 1",
    159: "ask for less time, or raise max_execution_time",
    241: "ask for less time, or raise max_memory_usage",
}


class Wire:
    """A connection to one server, opened with the first query and used again for the next."""

    def __init__(self, address: Address, *, timeout_s: float = TIMEOUT_S) -> None:
        self.address = address
        self._connection: http.client.HTTPConnection | None = None
        self._timeout_s = timeout_s
        # 1 forbids every setting as well. A user whose profile says 2 may not go back to 1, and is asked to stay at 2.
        self._readonly = "1"

    def ask(self, query: str, parameters: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query whose parameters are called `p0`, `p1` and so on.

        Raises: StoreError that names the variable, what is wrong and the way out; never the password.
        """
        status, code, body = self._send(query, parameters)
        if code == _IS_READ_ONLY and self._readonly == "1":
            self._readonly = "2"
            status, code, body = self._send(query, parameters)
        if status != http.client.OK or code:
            raise StoreError(self._refused(status, code, body))
        try:
            return list(_rows(json.loads(body)))
        except (ValueError, KeyError, TypeError):
            why = f"what answers there is no ClickHouse: {_said(body)!r}; name its HTTP port, 8123 by default, in {VARIABLE}"
            raise StoreError(f"{self.address}: {why}") from None

    def close(self) -> None:
        """Close the connection; the next query opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _send(self, query: str, parameters: Sequence[str | int]) -> tuple[int, int, str]:
        filled = {f"param_p{at}": str(value).translate(_ESCAPES) for at, value in enumerate(parameters)}
        path = f"/?{urlencode({'database': self.address.database, 'readonly': self._readonly, **filled}, errors='replace')}"
        headers = {
            "X-ClickHouse-User": _header(self.address.user),
            "X-ClickHouse-Key": _header(self.address.password),
            "User-Agent": f"fastagentic/{__version__}",
        }
        try:
            if self._connection is None:
                self._connection = self._opened()
            self._connection.request("POST", path, f"{query} FORMAT JSONCompact".encode(errors="replace"), headers)
            answer = self._connection.getresponse()
            body = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise StoreError(f"{self.address} cannot be asked ({_why(error)}): {_way_out(error)}") from None
        except BaseException:  # what is left of the answer belongs to no other question
            self.close()
            raise
        code = answer.getheader("X-ClickHouse-Exception-Code", "") or _code_in(body if answer.status != http.client.OK else "")
        return answer.status, int(code) if code.isdigit() else 0, body

    def _opened(self) -> http.client.HTTPConnection:
        address = self.address
        if address.is_secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(address.host, address.port, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(address.host, address.port, timeout=self._timeout_s)

    def _refused(self, status: int, code: int, body: str) -> str:
        said = _said(body.replace(self.address.password, "***") if self.address.password else body)
        advice = _ADVICE.get(code)
        if advice is None and status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            advice = _ADVICE[516]
        return f"{self.address} ({VARIABLE}) refused: {said or f'status {status}'}" + (f"; {advice}" if advice else "")


def _header(text: str) -> str:
    """A header carries bytes; they are taken for UTF-8 there."""
    return text.encode(errors="replace").decode("latin-1")


def _said(body: str) -> str:
    """The first words of an error, in one line."""
    text = " ".join(body.split())
    text = text.partition(" (version ")[0]
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}…"


def _code_in(body: str) -> str:
    """The code in the text of an error: proxies drop headers."""
    return body[6:].partition(".")[0] if body.startswith("Code: ") else ""


def _why(error: BaseException) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__


def _way_out(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return f"is it an HTTPS port, as clickhouses:// and secure=true in {VARIABLE} say, and its certificate known here?"
    if isinstance(error, TimeoutError):
        return f"is the address in {VARIABLE} right, and the server not overloaded?"
    return f"does the server run, and is the address in {VARIABLE} that of its HTTP port (8123, with TLS 8443)?"


def _rows(answer: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    reads = [_read_of(column["type"]) for column in answer["meta"]]
    for row in answer["data"]:
        yield tuple(value if value is None else read(value) for read, value in zip(reads, row, strict=True))


def _read_of(kind: str) -> Callable[[Any], Any]:
    """By the type of a column: servers differ in whether a number of 64 bits is written as a text."""
    for outer in ("LowCardinality(", "Nullable("):
        kind = kind.removeprefix(outer)
    if kind.startswith(("Int", "UInt")):
        return int
    return float if kind.startswith(("Float", "Decimal")) else str
