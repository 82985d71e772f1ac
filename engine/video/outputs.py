"""What can be written, told by its name: a video, or a folder of frames."""

from pathlib import Path
from typing import Protocol

import numpy as np

from engine.sources.pictures import InputPicture


class Output(Protocol):
    """Opened, fed and ended by one thread. SinkError, in one line, when it cannot be written."""

    path: Path
    done: int
    """Kept pictures that an earlier run finished and that stay: a multiple of the batch, or all of them."""
    notes: list[str]

    def add(self, picture: InputPicture, pixels: np.ndarray) -> None:
        """The next kept picture, in order, (height, width, 3) uint8 RGB."""

    def finish(self, *, is_whole: bool) -> None:
        """Under its own name. Not whole: the run was interrupted; what is there plays, and can be gone on from."""

    def abandon(self) -> None:
        """After an error: what is whole stays to be gone on from, nothing half is seen under its own name."""
