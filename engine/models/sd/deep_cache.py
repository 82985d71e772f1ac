"""DeepCache: what the UNet's deep blocks said in one step of a batch is taken for what they would say in the next ones.

After Ma et al., arXiv 2312.00858, through the PyPI package of its authors, which replaces the `forward` of the UNet's
blocks: in every INTERVAL-th step, from the first on, all run; in those between only the outermost down and up layer.
It waits for the device in each step, to see where in the schedule it is.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from engine.models.graphs import State
from engine.models.sd.unet_parts import whole

INTERVAL = 3  # as the package's own example has it
OUTERMOST = 0


class DeepCache:
    """Put into `unet` by its constructor. One batch at a time, all its rows in the same step."""

    def __init__(self, unet: Any) -> None:
        from DeepCache import DeepCacheSDHelper

        # What the helper asks of a pipeline.
        self._pipeline = SimpleNamespace(unet=unet, scheduler=SimpleNamespace(timesteps=[]))
        self._helper = DeepCacheSDHelper(pipe=self._pipeline)
        self._interval = INTERVAL
        self._helper.set_params(cache_interval=self._interval, cache_branch_id=OUTERMOST)
        self._helper.enable()

    def begin(self, timesteps: Sequence[float]) -> None:
        """A batch begins that will make these steps: all blocks run in the first of them."""
        self._pipeline.scheduler.timesteps = timesteps

    def full_steps(self, timesteps: Sequence[float]) -> int:
        """In how many of a batch's steps all blocks run. A step is known by its timestep, so that one which a scheduler
        makes twice has one place."""
        return sum(timesteps.index(timestep) % self._interval == 0 for timestep in timesteps)

    @staticmethod
    def whole(unet: Any, state: State) -> State:
        """The part of a UNet call: as `unet_parts.whole`, with the one timestep that the package looks up."""
        return whole(unet, state | {"timesteps": state["timesteps"][0]})
