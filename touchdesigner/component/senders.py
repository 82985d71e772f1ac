"""Selection of a sender by a part of its name. Pure.

The full name of a sender is not known in advance: Syphon puts the application before it, Spout appends a number if the
name is taken, NDI adds the machine's name.
"""

from collections.abc import Iterable


def pick(part: str, names: Iterable[str], but_not: Iterable[str] = ()) -> str:
    """The shortest name that contains `part` and none of `but_not`, ignoring case; empty if there is none."""
    wanted = part.strip().lower()
    unwanted = [other.strip().lower() for other in but_not]
    # A text contained in `part` itself cannot exclude anything: Multiverse for Multiverse SD.
    unwanted = [other for other in unwanted if other not in wanted]
    found = [name for name in names if wanted and wanted in name.lower()]
    return min((name for name in found if not any(other in name.lower() for other in unwanted)), key=len, default="")
