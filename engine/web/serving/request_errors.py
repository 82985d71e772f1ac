"""Turns failed requests into counted warnings.

By default aiohttp logs a traceback for each one, and anybody can send garbage.
"""

import logging

from aiohttp.http_exceptions import HttpProcessingError

from engine.system.reporting import Report

log = logging.getLogger(__name__)


def reporting_logger(report: Report) -> logging.Logger:
    """A logger for aiohttp's server that passes each error to `report`, in one line."""
    logger = logging.Logger("engine.web.http", logging.WARNING)
    logger.addHandler(_Reporting(report))
    return logger


class _Reporting(logging.Handler):
    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report
        self._has_failed = False

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            self._report("web request", f"page: {record.getMessage()}: invalid HTTP")
            return
        if not self._has_failed:  # a bug in our code: log its traceback, once
            self._has_failed = True
            log.error("%s", record.getMessage(), exc_info=record.exc_info)
        self._report("web", f"page: {record.getMessage()}: {error!r}")
