"""DeepCache: reuses the output of the UNet's deep blocks from one step of a batch in the next steps.

Ma et al., arXiv 2312.00858, through its authors' PyPI package, which replaces the `forward` of the UNet's blocks: in
every INTERVAL-th step, starting with the first, all blocks run; in between only the outermost down and up layer. It
waits for the device in each step to look up the step's index.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from engine.models.graphs import State
from engine.models.sd.unet_parts import whole

INTERVAL = 3  # from the package's own example
OUTERMOST = 0


class DeepCache:
    """The constructor installs it into `unet`. One batch at a time, with all rows in the same step."""

    def __init__(self, unet: Any) -> None:
        from DeepCache import DeepCacheSDHelper

        # The attributes of a pipeline that the helper uses.
        self._pipeline = SimpleNamespace(unet=unet, scheduler=SimpleNamespace(timesteps=[]))
        self._helper = DeepCacheSDHelper(pipe=self._pipeline)
        self._interval = INTERVAL
        self._helper.set_params(cache_interval=self._interval, cache_branch_id=OUTERMOST)
        self._helper.enable()

    def begin(self, timesteps: Sequence[float]) -> None:
        """Start a batch with these timesteps; all blocks run in the first step."""
        self._pipeline.scheduler.timesteps = timesteps

    def full_steps(self, timesteps: Sequence[float]) -> int:
        """The number of a batch's steps in which all blocks run.

        Steps are identified by timestep, so a timestep that a scheduler uses twice counts once.
        """
        return sum(timesteps.index(timestep) % self._interval == 0 for timestep in timesteps)

    @staticmethod
    def whole(unet: Any, state: State) -> State:
        """`unet_parts.whole` with the timestep as a scalar, which the package needs."""
        return whole(unet, state | {"timesteps": state["timesteps"][0]})
