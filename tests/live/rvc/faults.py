"""The voice child with injected faults, patched in its own process before the real loop begins.

`/rvc/rms_mix` selects the fault: at TIGHT the device is out of memory for one block, at FULL for
all; at SPOILT its output is NaN. Setting `no_room`: the device is too small for the weights.
"""

from typing import Any, Final

import numpy as np
import torch

import engine.live.rvc.loop as voice
import engine.models.rvc.load as loading
from engine.children.port import ChildPort
from engine.models.rvc.stream import LiveVoice
from engine.models.rvc.window_synthesizer import WindowSynthesizer
from tests.live.full_card import raise_out_of_memory, report_free_memory

TIGHT: Final = 0.125
FULL: Final = 0.25
SPOILT: Final = 0.5


def run(port: ChildPort) -> None:
    convert, follow = LiveVoice.convert, WindowSynthesizer.synthesize
    was_tight: list[bool] = []

    def convert_or_fail(self: LiveVoice, block: np.ndarray, *, first_sample: int) -> np.ndarray:
        fault = port.values["/rvc/rms_mix"]
        if fault == FULL or (fault == TIGHT and not was_tight):
            was_tight.append(True)
            raise_out_of_memory()
        return convert(self, block, first_sample=first_sample)

    def follow_or_spoil(self: WindowSynthesizer, *arguments: Any) -> torch.Tensor:
        return follow(self, *arguments) * (
            torch.nan if port.values["/rvc/rms_mix"] == SPOILT else 1.0
        )

    if port.settings.get("no_room"):
        loading.load = raise_out_of_memory
    report_free_memory()
    LiveVoice.convert = convert_or_fail
    WindowSynthesizer.synthesize = follow_or_spoil
    voice.run(port)
