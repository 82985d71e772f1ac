"""A child of pictures that records when it uses its device, which is no CPU and has nothing to do."""

import time
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
import torch

from engine.children.messages import Fact
from engine.children.port import ChildPort
from engine.live.kit.picture_loop import PictureLoop
from engine.live.kit.progress import Stopped

PIECES = 3
PIECE_NS = 600_000


def run(port: ChildPort) -> None:
    """Settings: `area`, and `file` for the pieces of all calls: (n, 3) int64, when the child could have begun each,
    when it did, and when it ended, ns."""
    loop = TurningLoop(port)
    with suppress(Stopped):
        loop.run()
    np.save(port.settings["file"], np.array(loop.pieces, np.int64))


class TurningLoop(PictureLoop[int, np.ndarray]):
    _work = 1.0
    _kind = None
    _uses_source = False

    def __init__(self, port: ChildPort) -> None:
        device = torch.device("meta")
        super().__init__(port, area=port.settings["area"], output="picture", model="none", device=device)
        self.pieces: list[tuple[int, int, int]] = []
        self._free_ns = time.perf_counter_ns()

    def _work_on(self, picture: int) -> np.ndarray:
        for place in range(PIECES):
            if place:
                self._progress.between()
            began_ns = time.perf_counter_ns()
            while (ended_ns := time.perf_counter_ns()) < began_ns + PIECE_NS:
                pass
            self.pieces.append((self._free_ns, began_ns, ended_ns))
            self._free_ns = ended_ns
        return np.zeros((1, 1, 3), np.uint8)

    def _publish(self, result: np.ndarray) -> None:
        self._publish_pixels(result, generation=0, index=len(self.pieces), time_s=0.0)

    def _next_picture(self) -> int:
        return 1

    def _warm_up(self) -> None: ...

    def _take_values(self) -> None: ...

    def _free_memory(self) -> None: ...

    def _reduce_memory(self) -> None: ...

    def _stages_ms(self) -> Mapping[str, float]:
        return {}

    def _facts_once(self) -> dict[str, Fact]:
        return {}

    def _facts(self) -> dict[str, Fact]:
        return {}
