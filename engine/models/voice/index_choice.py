"""Which index goes with a voice where none is named. Does not load torch."""

from pathlib import Path
from typing import Final

NONE: Final = "none"


def for_another(configured: str) -> str:
    """What the index configured for one voice says of another: that there shall be none, or nothing."""
    return NONE if configured == NONE else ""


def configured_for(model: str, voice: str | None, index: str) -> str:
    """What a configuration of `voice` with `index` says of the index of `model`."""
    return index if model == voice else for_another(index)


def index_for(model: str, index: str) -> str:
    """The index to use with `model`: `index` where one is named, "" where that is `none`; where nothing is named the
    file of the same stem beside the model, "" where there is none. Touches the disk."""
    if index:
        return "" if index == NONE else index
    file = Path(model).expanduser()
    beside = file.with_suffix(".index") if file.is_file() else None
    return str(beside) if beside is not None and beside.is_file() else ""
