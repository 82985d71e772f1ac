"""Which of the pictures that other programs offer is meant by a name."""

from collections.abc import Sequence


def chosen_name(wanted: str, names: Sequence[str]) -> str | None:
    """The one of `names` that is `wanted`, else the first that contains it; case does not matter. None: not there.

    Other programs name what they publish after their project, their host, or with a number: a part is enough.
    """
    low = wanted.casefold()
    same = (name for name in names if name.casefold() == low)
    containing = (name for name in names if low in name.casefold())
    return next(same, None) or next(containing, None)


def not_found(label: str, names: Sequence[str]) -> str:
    """One line for people: who is not there, and who is."""
    return f"{label}: not found (there: {'; '.join(names) or 'none'})"
