"""Private part of psutil: a start time that does not follow the clock on macOS, unlike
`create_time()`."""

from operator import attrgetter

identity_of = attrgetter("_ident")
"""(process id, start time) of a psutil.Process, which it compares processes by."""
