"""The real open-source Portkey gateway from npm, installed once and run on loopback while a context lasts.

The whole tree is pinned by the package-lock in `node/`, beside the two preloads that the gateway needs. Used
by the demo and by tests; without Node it raises `GatewayUnavailable`, and the caller decides what that means.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from fastagentic.core.errors import FastagenticError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

FOLDER_VARIABLE: Final = "FASTAGENTIC_GATEWAY_DIR"
DEFAULT_FOLDER: Final = ".portkey-gateway"
MIN_NODE: Final = 20  # what packages of the pinned tree ask for

SHIPPED: Final = ("package.json", "package-lock.json", "loopback.cjs", "rewrap.cjs")
SERVER: Final = "node_modules/@portkey-ai/gateway/build/start-server.js"
INSTALLED: Final = "installed"
"""Holds the digest of the shipped files that the folder was installed from; written last."""

INSTALL_TIMEOUT_S: Final = 300.0
START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 5.0
LOG_TAIL: Final = 20


class GatewayUnavailable(FastagenticError):  # noqa: N818  # a state of the machine, not a mistake
    """The gateway cannot run here; the message says what is missing and what to install."""


class LocalGateway:
    """The gateway on a free loopback port: `with LocalGateway() as gateway: Portkey(base_url=gateway.url)`.

    `folder` is where it is installed (default: `FASTAGENTIC_GATEWAY_DIR`, else `.portkey-gateway` here); the
    first use downloads it with npm, about 25 MB.

    Raises: GatewayUnavailable when Node is missing or too old, or when the gateway cannot be installed or
    started.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if self._process is None:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Install the gateway unless it is there, start it, and wait until it answers."""
        node = require_node()
        install(self.folder)
        scratch = Path(self._scratch.enter_context(tempfile.TemporaryDirectory(prefix="portkey-gateway-")))
        self._log = scratch / "gateway.log"
        self._port_file = scratch / "port"
        try:
            self._process = self._start_process(node)
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """The base URL for an SDK."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def pid(self) -> int | None:
        """The gateway's process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def version(self) -> str:
        """The version that is installed."""
        package = self.folder / "node_modules" / "@portkey-ai" / "gateway" / "package.json"
        return str(json.loads(package.read_text())["version"])

    def stop(self) -> None:
        """End this gateway's own process. Safe to call twice."""
        process, self._process = self._process, None
        self.port = 0
        if process is not None:
            _end(process)
        self._scratch.close()

    def _start_process(self, node: str) -> subprocess.Popen[bytes]:
        preloads = [f"--require={self.folder / name}" for name in SHIPPED if name.endswith(".cjs")]
        # Without --headless it serves a log page. The preload replaces the port, but one has to be there.
        command = [node, *preloads, str(self.folder / SERVER), "--port=8787", "--headless"]
        environment = {
            **os.environ,
            "NODE_ENV": "production",
            "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost",
            "GATEWAY_PORT_FILE": str(self._port_file),
        }
        with self._log.open("wb") as log:
            return subprocess.Popen(  # noqa: S603  # node, and a file of ours
                command, cwd=self.folder, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            process = self._process
            if process is None or process.poll() is not None:
                raise GatewayUnavailable(f"the Portkey gateway ended while starting:\n{_tail(self._log)}")
            if time.monotonic() > deadline:
                raise GatewayUnavailable(
                    f"the Portkey gateway did not answer within {START_TIMEOUT_S:.0f} s:\n{_tail(self._log)}"
                )
            time.sleep(0.02)

    def _answers(self) -> bool:
        if not self.port:
            with contextlib.suppress(FileNotFoundError):
                self.port = int(self._port_file.read_text())
            return False
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            opener.open(f"http://127.0.0.1:{self.port}/", timeout=2).close()
            return True
        return False


def default_folder() -> Path:
    """Where the gateway is installed unless a folder is given."""
    return Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER).resolve()


def require_node() -> str:
    """The path of a Node that the gateway runs on.

    Raises: GatewayUnavailable when node or npm is missing, or Node is too old.
    """
    node = shutil.which("node")
    if node is None:
        raise GatewayUnavailable(f"node is not on the PATH; install Node.js {MIN_NODE} or later")
    if shutil.which("npm") is None:
        raise GatewayUnavailable("npm is not on the PATH; install it (it comes with Node.js, or as its own package)")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    major = re.match(r"v(\d+)\.", said)
    if major is None or int(major[1]) < MIN_NODE:
        raise GatewayUnavailable(f"{node} is {said or 'broken'}; install Node.js {MIN_NODE} or later")
    return node


def install(folder: Path) -> None:
    """Install the pinned gateway into `folder` unless it is there. Several processes may call this at once.

    Raises: GatewayUnavailable when npm fails, with the end of what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder / "install.lock"):
        digest = _shipped_digest()
        marker = folder / INSTALLED
        if marker.is_file() and marker.read_text() == digest and (folder / SERVER).is_file():
            return
        marker.unlink(missing_ok=True)
        for name in SHIPPED:
            (folder / name).write_bytes(_shipped(name))
        _run_npm(folder)
        marker.write_text(digest)


def _run_npm(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise GatewayUnavailable("npm is not on the PATH; install it (it comes with Node.js, or as its own package)")
    log = folder / "npm.log"
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        with log.open("wb") as out:
            code = subprocess.run(  # noqa: S603  # npm, found on the PATH
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False,
                timeout=INSTALL_TIMEOUT_S,
            ).returncode  # fmt: skip
    except subprocess.TimeoutExpired:
        code = None
    if code != 0:
        how = "took too long" if code is None else f"failed with status {code}"
        raise GatewayUnavailable(f"`{' '.join(command[1:])}` {how} in {folder}:\n{_tail(log)}")


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[IO[str]]:
    """Hold a lock that the kernel releases when the process dies."""
    import fcntl  # not on Windows; this module is imported there too

    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def _shipped(name: str) -> bytes:
    return (files(__package__) / "node" / name).read_bytes()


def _shipped_digest() -> str:
    return hashlib.sha256(b"\0".join(_shipped(name) for name in SHIPPED)).hexdigest()


def _tail(log: Path) -> str:
    """The last lines of a log, indented; the spinner's carriage returns and colours left out."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]|[⠀-⣿] [^\r\n⠀-⣿]*\r?", "", log.read_text(errors="replace"))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(f"    {line}" for line in lines[-LOG_TAIL:]) or "    (it said nothing)"


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
