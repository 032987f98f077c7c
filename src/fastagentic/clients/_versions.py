"""Which versions of a client we know. Another version is left alone, with one warning, rather than half observed."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import Client

logger = logging.getLogger("fastagentic")


@lru_cache(maxsize=32)
def is_supported(client: Client) -> bool:
    """Whether the installed version lies in the client's range. Asked once, when the client is imported."""
    try:
        installed = metadata.version(client.distribution)
    except metadata.PackageNotFoundError:  # vendored, or on the path without metadata: the entry points decide
        return True
    if client.oldest <= release(installed) < client.beyond:
        return True
    logger.warning(
        "%s %s is not observed: this version of fastagentic knows %s <= %s < %s",
        client.distribution,
        installed,
        ".".join(map(str, client.oldest)),
        client.distribution,
        ".".join(map(str, client.beyond)),
    )
    return False


def release(version: str) -> tuple[int, ...]:
    """The release numbers of a version: `1.109.1rc2` is (1, 109, 1)."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
