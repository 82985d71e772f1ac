"""The diffusion child with injected faults, patched in its own process before the real loop begins.

The text `poison` kills the process when it is encoded. `/sd/prompt`: `nan` makes the UNet's output
NaN, at `tight` the device is out of memory for one call. Settings:

- `room_px`: the widest picture that the simulated device has memory for;
- `slow_s`: minimum time of decoding 64 x 64;
- `work_weight`: factor on each millisecond of work, and rests have no limit;
- `capture_s`: simulates CUDA graphs, whose capture takes this long.
"""

import time
from typing import Any

import psutil
import torch

import engine.live.sd.loop as diffusion
from engine.children.port import ChildPort
from engine.live.kit import pacing
from engine.models import graphs
from engine.models.sd import accelerators
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.denoiser import Denoiser
from engine.models.sd.pixels import Pixels
from tests.live.full_card import raise_out_of_memory, report_free_memory
from tests.models.recorded_graphs import Recording


def run(port: ChildPort) -> None:
    encode, outputs, decode = Conditioner._encode_text, Denoiser.outputs, Pixels.decode
    was_tight: list[bool] = []
    room_px, slow_s = port.settings.get("room_px", 1024), port.settings.get("slow_s", 0.0)

    def encode_or_die(self: Conditioner, text: str, *others: Any) -> Any:
        if text == "poison":
            psutil.Process().kill()
        return encode(self, text, *others)

    def outputs_or_fail(self: Denoiser, z: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        if z.shape[-1] * 8 > room_px:
            raise_out_of_memory()
        if port.values["/sd/prompt"] == "tight" and not was_tight:
            was_tight.append(True)
            raise_out_of_memory()
        against, output = outputs(self, z, *arguments, **options)
        return against, output * float("nan") if port.values["/sd/prompt"] == "nan" else output

    def decode_slowly(self: Pixels, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        time.sleep(slow_s * self.width * self.height / 64**2)
        return decode(self, z)

    if "work_weight" in port.settings:
        after_slice = pacing.Pacer.after_slice
        pacing.MAX_REST_S = float("inf")
        pacing.Pacer.after_slice = lambda self, ms: after_slice(
            self, ms * port.settings["work_weight"]
        )

    if "capture_s" in port.settings:

        def record(parts: Any, buffers: Any) -> Any:
            time.sleep(port.settings["capture_s"])
            return Recording()(parts, buffers)

        def runner_for(
            device: torch.device, before: Any, may_capture: Any, **options: int
        ) -> graphs.GraphRunner:
            return graphs.GraphRunner(
                record, before_capture=before, may_capture=may_capture, **options
            )

        graphs.runner_for = accelerators.runner_for = runner_for

    report_free_memory()
    Pixels.decode = decode_slowly
    Conditioner._encode_text = encode_or_die
    Denoiser.outputs = outputs_or_fail
    diffusion.run(port)
