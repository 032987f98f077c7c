"""Who owns a directory of segments: the process that holds the lock on its `lock` file. When it dies, the lock goes with it.

POSIX record locks: not inherited by a forked child, and gone at once after SIGKILL. Their trap is that closing *any*
descriptor of a file gives up the process's locks on it, so a process never opens the `lock` of a directory it owns a
second time: `_ours` knows which those are. Where there are no such locks, what nobody touched for a day counts as left.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

LOCK: Final = "lock"
LEFT_AFTER_S: Final = 86_400.0
_TRIES: Final = 5
_OPEN: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)

_HAS_LOCKS: Final = sys.platform != "win32"

_ours: Final[set[str]] = set()
_claiming = threading.Lock()


class Owner:
    """A directory of segments that this process, and no other, may write to."""

    __slots__ = ("_fd", "_inode", "directory")

    def __init__(self, directory: Path, fd: int) -> None:
        self.directory = directory
        self._fd = fd
        self._inode = os.fstat(fd).st_ino

    def is_held(self) -> bool:
        """Whether the lock is still there. Somebody may have deleted it, or closed all descriptors of the process."""
        try:
            return self._is_open() and (self.directory / LOCK).stat().st_ino == self._inode
        except OSError:
            return False

    def release(self) -> None:
        """Give the directory up: gone when nothing is left in it, else for another process to adopt."""
        with contextlib.suppress(OSError):
            if self.is_held() and os.listdir(self.directory) == [LOCK]:
                (self.directory / LOCK).unlink()
                self.directory.rmdir()
        with contextlib.suppress(OSError):
            if self._is_open():
                os.close(self._fd)
        self._fd = -1
        with _claiming:
            _ours.discard(self.directory.name)

    def _is_open(self) -> bool:
        return self._fd >= 0 and os.fstat(self._fd).st_ino == self._inode


def found(parent: Path) -> Owner:
    """A new directory below `parent`, of our own. Raises: OSError."""
    for _ in range(_TRIES):
        directory = parent / f"{os.getpid()}-{os.urandom(6).hex()}"
        directory.mkdir(mode=0o700)
        with contextlib.suppress(FileNotFoundError):  # somebody took us for dead between these two lines
            owner = _claimed(directory)
            if owner is not None:
                return owner
    raise OSError(f"no lock to be had in {parent}")


def adopt(directory: Path) -> Owner | None:
    """Become the owner of what a dead process left; None when it lives, somebody else was quicker, or it is ours already.

    Raises: OSError.
    """
    if not _HAS_LOCKS and not _is_left(directory):
        return None
    return _claimed(directory)


def is_alive(directory: Path) -> bool:
    """Whether a living process owns a directory. Changes nothing there. Raises: OSError."""
    if not _HAS_LOCKS:
        return not _is_left(directory)
    with _claiming:
        if directory.name in _ours:
            return True
        try:
            fd = os.open(directory / LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _lock(fd, fcntl.LOCK_SH)
        finally:
            os.close(fd)


def _claimed(directory: Path) -> Owner | None:
    with _claiming:
        if directory.name in _ours:
            return None
        fd = os.open(directory / LOCK, _OPEN, 0o600)
        is_ours = False
        try:
            # A file that is no longer there was locked and deleted by somebody who is done with the directory.
            is_ours = (not _HAS_LOCKS or _lock(fd, fcntl.LOCK_EX)) and _is_there(fd, directory / LOCK)
        finally:
            if not is_ours:
                os.close(fd)
        if not is_ours:
            return None
        _ours.add(directory.name)
        return Owner(directory, fd)


def _lock(fd: int, kind: int) -> bool:
    try:
        fcntl.lockf(fd, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_there(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _is_left(directory: Path) -> bool:
    newest = max(entry.stat().st_mtime for entry in (directory, *directory.iterdir()))
    return time.time() - newest > LEFT_AFTER_S


def _after_fork_in_child() -> None:
    """A child owns nothing. The parent's descriptors stay open: closing one could give up a lock of the child's later on."""
    global _claiming
    _claiming = threading.Lock()
    _ours.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
