"""The IP-Adapter's reference pictures: files, mixed by their weights, and one that moves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import SourceError
from engine.live.sd.settings import DiffusionSettings
from engine.models.sd.prompt_syntax import Note
from engine.sources.still import read_still
from osc_schema.sd import REFERENCES

if TYPE_CHECKING:
    import torch

    from engine.models.graphs import State
    from engine.models.sd.conditioner import Cond
    from engine.models.sd.model import DiffusionModel


class References:
    """Used on the model's thread only."""

    def __init__(self, model: "DiffusionModel", note: Note) -> None:
        """`note`: as of the Painter."""
        self._adapter, self._note = model.ip_adapter, note
        self._files = [""] * len(REFERENCES)
        self._pictures: list[np.ndarray | None] = [None] * len(REFERENCES)
        self.still: tuple[tuple[np.ndarray, float], ...] = ()
        """The pictures, (H, W, 3) uint8, with their weights."""
        self.live = ""
        """The picture that moves: `source`, `second` or `last`; "": none."""
        self._beside: State = {}
        """The mix of `still`, and the share of the moving one in both."""

    def take(self, settings: DiffusionSettings) -> None:
        """Read the files that have changed, and set weights and strengths."""
        for place, (file, _) in enumerate(settings.references):
            if file != self._files[place]:
                self._files[place] = file
                self._pictures[place] = self._read(file, place)
        pairs = zip(self._pictures, settings.references, strict=False)
        self.still = tuple((picture, weight) for picture, (_, weight) in pairs if picture is not None)
        adapter, self.live = self._adapter, ""
        if adapter is None:
            return
        adapter.set_scale(settings.reference_scale, settings.reference_blocks)
        if settings.live != "off" and settings.weight_live:
            self.live = settings.live
            mixed, total = adapter.mixed(self.still)
            share = settings.weight_live / (total + settings.weight_live)
            self._beside = {"mixed": mixed, "share": mixed.new_full((), share)}

    def _read(self, file: str, place: int) -> np.ndarray | None:
        try:
            return read_still(Path(file)) if file else None
        except SourceError as error:
            self._note("picture", f"/sd/ip_adapter/image{REFERENCES[place]}: {error}; keeping the previous picture")
            return self._pictures[place]

    def inputs(self, rgb: "torch.Tensor") -> "State":
        """The inputs of `encoded`, with the picture that moves, (1, H, W, 3) uint8 on the device."""
        return {"rgb": rgb, **self._beside}

    def encoded(self, fitted: "Callable[[torch.Tensor], torch.Tensor]", state: "State") -> "State":
        """The tokens of the mix; to be captured. `fitted`: that of `Pixels`."""
        assert self._adapter is not None
        return {"tokens": self._adapter.encode_live(fitted(state["rgb"]), state["share"], state["mixed"])}

    def conditioned(self, cond: "Cond", tokens: "torch.Tensor") -> "Cond":
        """`cond` with these tokens."""
        assert self._adapter is not None
        against = None if cond.negative_ip is None else (self._adapter.no_picture,)
        return replace(cond, ip=(tokens,), negative_ip=against)
