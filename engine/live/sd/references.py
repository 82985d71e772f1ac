"""The IP-Adapter's reference pictures: files, mixed by their weights, and one live picture."""

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
    from engine.models.sd.conditioner import Conditioning
    from engine.models.sd.model import DiffusionModel


class ReferencePictures:
    """The reference pictures in use. Used on the model's thread only."""

    def __init__(self, model: "DiffusionModel", note: Note) -> None:
        """`note`: see `Painter`."""
        self._adapter = model.ip_adapter
        self._note = note
        self._files = [""] * len(REFERENCES)
        self._pictures: list[np.ndarray | None] = [None] * len(REFERENCES)
        self.still: tuple[tuple[np.ndarray, float], ...] = ()
        """The pictures, (H, W, 3) uint8, with their weights."""
        self.live = ""
        """Name of the live picture: `source`, `second` or `last`; "": none."""
        self._static_state: State = {}
        """The mix of `still`, and the fraction of the live picture in the whole mix."""

    def apply(self, settings: DiffusionSettings) -> None:
        """Use these settings: read the files that have changed, set weights and strengths."""
        for index, (file, _) in enumerate(settings.references):
            if file != self._files[index]:
                self._files[index] = file
                self._pictures[index] = self._read(file, index)
        pairs = zip(self._pictures, settings.references, strict=False)
        self.still = tuple(
            (picture, weight) for picture, (_, weight) in pairs if picture is not None
        )
        adapter = self._adapter
        self.live = ""
        if adapter is None:
            return
        adapter.set_scale(settings.reference_scale, settings.reference_blocks)
        if settings.live_reference != "off" and settings.live_weight:
            self.live = settings.live_reference
            mixed, total = adapter.mix(self.still)
            fraction = settings.live_weight / (total + settings.live_weight)
            self._static_state = {"mixed": mixed, "fraction": mixed.new_full((), fraction)}

    def _read(self, file: str, index: int) -> np.ndarray | None:
        try:
            return read_still(Path(file)) if file else None
        except SourceError as error:
            self._note(
                "picture",
                f"/sd/ip_adapter/image{REFERENCES[index]}: {error}; keeping the previous picture",
            )
            return self._pictures[index]

    def inputs(self, rgb: "torch.Tensor") -> "State":
        """Inputs of `encode_tokens`. `rgb`: the live picture, (1, H, W, 3) uint8 on the device."""
        return {"rgb": rgb, **self._static_state}

    def encode_tokens(
        self, resize: "Callable[[torch.Tensor], torch.Tensor]", state: "State"
    ) -> "State":
        """Encode the mix to tokens; may be captured as a graph. `resize`:
        `Pixels.crop_and_resize`."""
        assert self._adapter is not None
        return {
            "tokens": self._adapter.encode_live(
                resize(state["rgb"]), state["fraction"], state["mixed"]
            )
        }

    def with_tokens(self, cond: "Conditioning", tokens: "torch.Tensor") -> "Conditioning":
        """Replace the image embeds of `cond` with these tokens."""
        assert self._adapter is not None
        against = None if cond.negative_image_embeds is None else (self._adapter.no_picture,)
        return replace(cond, image_embeds=(tokens,), negative_image_embeds=against)
