"""The segmentation child with injected faults, patched in its own process before the real loop
begins.

`/sam3/prompt/1`: at `tight` the device is out of memory for one call, at `full` for all; `nan`
makes the model's input NaN. Setting `no_room`: the device is too small for the weights.
"""

from dataclasses import replace
from typing import Any

import torch

import engine.live.sam3.loop as segmentation
import engine.models.sam3.load as loading
from engine.children.port import ChildPort
from engine.models.sam3.backbone import Backbone, Features
from tests.live.full_card import raise_out_of_memory, report_free_memory


def run(port: ChildPort) -> None:
    see = Backbone.run
    was_tight: list[bool] = []

    def see_or_fail(self: Backbone, *arguments: Any) -> Features:
        prompt = port.values["/sam3/prompt/1"]
        if prompt == "full" or (prompt == "tight" and not was_tight):
            was_tight.append(True)
            raise_out_of_memory()
        features = see(self, *arguments)
        if prompt == "nan":
            return replace(
                features,
                fpn_hidden_states=tuple(level * torch.nan for level in features.fpn_hidden_states),
            )
        return features

    if port.settings.get("no_room"):
        loading.load = raise_out_of_memory
    report_free_memory()
    Backbone.run = see_or_fail
    segmentation.run(port)
