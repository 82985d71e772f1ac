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
