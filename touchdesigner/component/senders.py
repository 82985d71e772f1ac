"""Which of the senders that a menu lists is meant by a part of its name. Pure.

A sender's full name is not known beforehand: Syphon puts the application before it, Spout a number after it where the
name is taken, NDI the machine's name around it.
"""

from collections.abc import Iterable


def pick(part: str, names: Iterable[str], but_not: str = "") -> str:
    """The shortest name that contains `part`, in any case, and not `but_not`; empty where there is none."""
    wanted, unwanted = part.strip().lower(), but_not.strip().lower()
    if unwanted in wanted:  # Multiverse SD is told from Multiverse, not the other way round
        unwanted = ""
    found = [name for name in names if wanted and wanted in name.lower()]
    found = [name for name in found if not unwanted or unwanted not in name.lower()]
    return min(found, key=len, default="")
