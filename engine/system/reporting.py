"""The four ways to send a message to somebody: report, reply, progress, log. Choose by the reader.

report    a warning for the performer: `report(key, message)`. The key names the cause, the message
          is one line. `telemetry.Warnings` counts by key and shows each key at most once per
          second, on the page and in the log.
reply     the answer to the OSC client that sent a command: done, or failed and why
          (`engine.control`).
progress  the progress of a job, for the user who started it: a frozen value several times per
          second (`engine.jobs`).
log       `logging`, for reading afterwards: tracebacks, and details that are not needed during the
          show.
"""

from collections.abc import Callable

Report = Callable[[str, str], None]
"""`report(key, message)`: a warning for the performer, counted and throttled by key."""


class ReportOnce:
    """Reports a line once for each subject, and again when it has another text. An empty line ends
    it, so that the same fault is reported again when it comes back. One thread."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lines: dict[str, str] = {}

    def __call__(self, key: str, line: str, about: str = "") -> None:
        """Report `line` under `key`. `about`: the subject; the key itself if it is empty."""
        subject = about or key
        if line == self._lines.get(subject, ""):
            return
        self._lines[subject] = line
        if line:
            self._report(key, line)

    def has(self, subject: str) -> bool:
        """True while a line about this subject holds."""
        return bool(self._lines.get(subject))

    def clear(self) -> None:
        """Report everything again."""
        self._lines.clear()
