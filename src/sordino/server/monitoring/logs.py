"""Logs as one JSON object a line, without contents.

    {"time": "2026-11-28T10:00:00+00:00", "level": "info", "event": "request", "method": "GET",
     "route": "/v1/device", "status": 200, "seconds": 0.004}

Messages of sordino are written as they are: none holds a vector, an index, a pseudonym, an address
or a token. Of other packages only the place, the level and the class of the exception are written,
since their messages may repeat what a request contained.
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
from pathlib import Path
from typing import Any, Final, TextIO

FIELDS: Final = "fields"
"""The attribute of a record that holds further members, given as `extra={"fields": {...}}`."""


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        if record.name.split(".")[0] == "sordino":
            line["event"] = record.getMessage()
        else:
            line["event"] = f"{record.name} at {Path(record.pathname).name}:{record.lineno}"
        line |= getattr(record, FIELDS, {})
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
        return json.dumps(line)


def start_logging(stream: TextIO | None = None) -> None:
    """Write all logs of this process as JSON, to standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("sordino").setLevel(logging.INFO)
    logging.captureWarnings(True)
