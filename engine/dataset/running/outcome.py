"""The results of a runner."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.dataset.running.policy import Failure
from engine.dataset.task import MadePicture, PictureTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """A successful attempt. Its files are in `folder` until they are committed."""

    folder: Path
    seconds: float  # includes starting the process
    values: dict[str, Any]  # `MadePicture` as plain values

    @property
    def made(self) -> MadePicture:
        return MadePicture(**self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOutcome:
    """The outcome of a picture: either `made` or `failure` is set."""

    task: PictureTask
    attempts: int
    made: Attempted | None = None
    failure: Failure | None = None
    earlier: tuple[str, ...] = ()  # reason for the failure of earlier attempts, if known
