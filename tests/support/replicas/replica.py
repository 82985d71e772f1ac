"""Replicas of published models: their files, names, configuration values and dtypes, with random weights and widths
that are shrunk. What loading decides (family, prediction, sampler, parts, refusals) is decided from exactly these.

A replica is an entry in the list REPLICAS of a module beside this one; `tests/models/test_replicas.py` checks, loads
and paints with each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.models.sd import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Works:
    """Loads and paints, run as its authors mean it."""

    family: str = ""
    """sd15, sd21 or sdxl; this and the next two: "" where the replica is not about it."""
    prediction: str = ""
    sampler: str = ""
    says: tuple[str, ...] = ()
    """Parts of what `check` tells: reasons of the choices, and notes."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Refused in one line, by check and load alike."""

    says: tuple[str, ...]
    """Parts of the line: what the file is, and what would do instead."""


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Where a replica is written."""

    folder: Path
    """Empty, of this replica alone."""
    tiny: Any
    """`TinyModels` of the tests: models to start from; never written to."""
    hub: Path
    """An empty Hugging Face cache, the only one that is looked into."""

    def put_on_hub(self, hub_id: str, folder: Path) -> None:
        """`folder` as the snapshot of `owner/name` in the cache."""
        repository = self.hub / f"models--{hub_id.replace('/', '--')}"
        snapshot = repository / "snapshots" / ("0" * 40)
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text("0" * 40, encoding="utf-8")
        snapshot.parent.mkdir()
        snapshot.symlink_to(folder, target_is_directory=True)


@dataclass(frozen=True, kw_only=True)
class Replica:
    name: str
    """As it is published: `owner/name`, with the file behind it where it is one of several."""
    source: str
    """Address of the page or file that its names and values are taken from."""
    build: Callable[[Shelf], ModelSpec]
    """Writes it and returns what a user would ask for."""
    expect: Works | Refused
