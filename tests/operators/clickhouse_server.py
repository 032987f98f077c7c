"""ClickHouse's HTTP interface in a process of its own: chdb behind a small server. `clickhouse_server.py FOLDER`.

No package of a registry has a current server, so the part between the wire and the engine is ours: parameters, format, the
read-only mode, users and the codes of errors, as the server's documentation has them. It ends with its standard input.
"""

from __future__ import annotations

import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

USER, PASSWORD = "reader", "s/ecret @ß%"
"""The one who may ask."""
READONLY_2, READONLY_2_PASSWORD = "viewer", "v"
"""One whose profile says readonly = 2, and who may therefore not say another."""
WRONG_PASSWORD = "Code: 516. DB::Exception: {user}: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)"
NO_CHANGE = "Code: 164. DB::Exception: Cannot modify 'readonly' setting in readonly mode. (READONLY)"
STATUS_OF = {516: 403, 164: 500, 60: 404, 81: 404}


class Handler(BaseHTTPRequestHandler):
    """One request: a query in the body, everything else in the address."""

    protocol_version = "HTTP/1.1"
    session: Any
    lock = threading.Lock()

    def do_POST(self) -> None:
        """Answer a query, or say why not."""
        query = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        user, key = (self.headers.get(f"X-ClickHouse-{name}", "").encode("latin-1").decode() for name in ("User", "Key"))
        if (user, key) not in {(USER, PASSWORD), (READONLY_2, READONLY_2_PASSWORD)}:
            self._answer(WRONG_PASSWORD.format(user=user), 516)
        elif user == READONLY_2 and given.get("readonly") != "2":
            self._answer(NO_CHANGE, 164)
        else:
            self._answer(*self._asked(query, given))

    def _asked(self, query: str, given: dict[str, str]) -> tuple[str, int]:
        parameters = {name.removeprefix("param_"): value for name, value in given.items() if name.startswith("param_")}
        with self.lock:
            try:
                self.session.query(f"USE {given.get('database', 'default')}")
                said = self.session.query(query + _settings(given), params=parameters)
            except RuntimeError as error:
                code = re.search(r"Code: (\d+)", str(error))
                return str(error), int(code[1]) if code else 1000
        return said.bytes().decode(errors="surrogateescape"), 0

    def _answer(self, body: str, code: int) -> None:
        raw = body.encode(errors="surrogateescape")
        self.send_response(STATUS_OF.get(code, 500) if code else 200)
        self.send_header("Content-Length", str(len(raw)))
        if code:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _settings(given: dict[str, str]) -> str:
    """Nothing for a writer, whose rows would end with it."""
    return f" SETTINGS readonly = {given['readonly']}" if "readonly" in given else ""


def main(folder: str) -> None:
    from chdb.session import Session

    Handler.session = Session(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        server.shutdown()
    Handler.session.close()


if __name__ == "__main__":
    main(sys.argv[1])
