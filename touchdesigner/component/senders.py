"""Which of the senders that a menu lists is meant by a part of its name. Pure.

A sender's full name is not known beforehand: Syphon puts the application before it, Spout a number after it where the
name is taken, NDI the machine's name around it.
"""

from collections.abc import Iterable


def pick(part: str, names: Iterable[str], but_not: Iterable[str] = ()) -> str:
    """The shortest name that contains `part`, in any case, and nothing of `but_not`; empty where there is none."""
    wanted = part.strip().lower()
    unwanted = [other.strip().lower() for other in but_not]
    # Multiverse SD is told from Multiverse, not the other way round. What is empty is in all.
    unwanted = [other for other in unwanted if other not in wanted]
    found = [name for name in names if wanted and wanted in name.lower()]
    return min((name for name in found if not any(other in name.lower() for other in unwanted)), key=len, default="")
