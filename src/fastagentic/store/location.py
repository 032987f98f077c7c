"""Where the local store lies. Nothing here opens it; the writer, the reader and the CLI ask."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

HOME_VARIABLE: Final = "FASTAGENTIC_HOME"
STORE_NAME: Final = "store.db"


def store_home() -> Path:
    """The directory of the store: `$FASTAGENTIC_HOME`, else the platform's state directory for this user.

    Example:
        >>> import os
        >>> os.environ["FASTAGENTIC_HOME"] = "/srv/telemetry"
        >>> str(store_home())
        '/srv/telemetry'
    """
    home = os.environ.get(HOME_VARIABLE, "").strip()
    if home:
        return Path(home).expanduser().absolute()
    from platformdirs import user_state_path

    return user_state_path("fastagentic", appauthor=False)


def store_path() -> Path:
    """The file of the store, whether it exists or not.

    Example:
        >>> import os
        >>> os.environ["FASTAGENTIC_HOME"] = "/srv/telemetry"
        >>> str(store_path())
        '/srv/telemetry/store.db'
    """
    return store_home() / STORE_NAME
