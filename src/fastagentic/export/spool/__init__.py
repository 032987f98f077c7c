"""Where spans wait on disk: files of records, who owns them, their limits, what a crash leaves of them, and a look at all.

`Spool` is what `delivery.py` writes to and reads from; `survey.py` and `otlp_file.py` are for operators. Nothing in
here knows what a span is: records are bytes with a count.
"""

from .spool import Position, Spool, spool_directory

__all__ = ("Position", "Spool", "spool_directory")
