"""What becomes of a picture that a runner was given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.jobs.dataset.made import Made
from engine.jobs.dataset.running.policy import Failure
from engine.jobs.dataset.task import PictureTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """An attempt that made the picture. Its files lie in `folder` and wait to be taken in."""

    folder: Path
    seconds: float
    """Process included."""
    values: dict[str, Any]
    """`Made`, plain."""

    @property
    def made(self) -> Made:
        return Made(**self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Made or failed, one of the two."""

    task: PictureTask
    attempts: int
    made: Attempted | None = None
    failure: Failure | None = None
    earlier: tuple[str, ...] = ()
    """Why the attempts before the last one failed, as far as that is known."""
