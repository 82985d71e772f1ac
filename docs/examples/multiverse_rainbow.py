"""A source for layer 5: a moving rainbow.

    pip install --no-deps ./docs/examples
    multiverse run --camera rainbow:slow

It is called on a thread of its own, and opened again if it fails.
"""

from typing import Any

import numpy as np

TURNS_PER_S = {"slow": 0.1, "fast": 1.0}


class RainbowSource:
    def __init__(self, name: str, *, clock: Any, report: Any) -> None:
        """`name`: what follows the colon. What is raised here is shown in one line, and the run
        does not start."""
        if name not in TURNS_PER_S:
            raise ValueError(f"{name!r} is not {' or '.join(TURNS_PER_S)}")
        self._name, self._clock, self._turns_per_s, self._frames = name, clock, TURNS_PER_S[name], 0

    def latest_frame(self) -> Any:
        """The picture of this moment: (height, width, 3) uint8, row 0 at the top."""
        from engine.values import VideoFrame

        time_s = self._clock.now_s()
        turn = 2 * np.pi * (np.arange(128) / 128 + self._turns_per_s * time_s)
        row = 127.5 + 127.5 * np.sin(turn[:, None] + 2 * np.pi * np.arange(3) / 3)
        pixels = np.broadcast_to(row.astype(np.uint8), (72, 128, 3))
        self._frames += 1
        return VideoFrame(
            pixels=pixels, index=self._frames, time_s=time_s, source=f"rainbow:{self._name}"
        )

    def status(self) -> Any:
        from engine.sources.source import SourceStatus

        return SourceStatus(
            state="playing", description=f"rainbow:{self._name}", width=128, height=72
        )

    def start(self) -> None: ...
    def close(self) -> None: ...
