"""How parts of the program say something. There are four ways; take the one whose reader you mean.

report    a warning for the performer, now: `report(key, message)`. The key names the cause, the message is one line.
          `telemetry.Warnings` counts by key and shows each key at most once a second, on the page and in the log.
reply     the answer to one OSC client's command: done, or why not (`engine.control.sending`).
progress  how far a job is, for whoever started it: a frozen value a few times a second (`engine.jobs.kit`).
log       for reading afterwards: `logging`, with tracebacks and details that nobody needs during the show.
"""

from collections.abc import Callable

Report = Callable[[str, str], None]
"""`report(key, message)`: a warning for the performer, counted and throttled by key."""
