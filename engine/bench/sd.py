"""Live diffusion against diffusers' own pipelines, call by call in turn, on the same modules, device and run.

Ours is what the child does for a picture: uint8 in, uint8 out, all steps of consecutive pictures in one call. Theirs
is measured twice: as a user calls it (text and PIL picture in, PIL picture out), and with all that can be prepared
prepared (embeddings and tensor in, tensor out). Each call is waited for, so that nobody is measured by its queue.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.bench.progress import Progress
from engine.children.interpreter import command, exit_reason
from engine.children.spec import CHILD_ENVIRONMENT
from engine.errors import ModelError

UNVERIFIED = (
    "what CUDA graphs gain",
    "float16 overflow in the models' outputs",
    "contention with the renderer on one GPU",
    "device memory over 10 000 frames",
    "the speed of the true shapes",
)
"""What a CPU cannot show."""
FEWEST_CALLS = 5
WARM_UP_CALLS = 3
MATMUL_SIDE = {"cpu": 1024, "mps": 4096, "cuda": 8192}
MATMUL_RUNS = 30
PROMPT = "a forest of glass at dawn"

Call = Callable[[], object]


def run(asked: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Figures by shape, then by size and steps; ModelError for a shape or device that is not.

    Times in ms, work in GFLOP (2 x multiply-adds) a picture, `limit_tflops` as a matrix product reaches it here.
    `asked`: `shapes` (empty: the device's own), `sizes` in px, `steps`, `seconds` a case, `device`, `threads` of a CPU.
    Measured in a process with the environment of children, which costs or gains all alike: on Linux its allocator
    settings make large temporaries cheap.
    """
    environment = {**os.environ, **CHILD_ENVIRONMENT, "OMP_NUM_THREADS": str(asked["threads"])}
    with subprocess.Popen(
        [*command("engine.bench.sd", "main()"), json.dumps(asked)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            if "result" in told:
                return told["result"]
            if "error" in told:
                raise ModelError(told["error"])
            progress(told["stage"], told["done"])
    raise ModelError(f"the measurement ended without a result ({exit_reason(process.returncode)})")


def main() -> None:
    """The measuring process: JSON lines on its standard output."""

    def tell(**line: Any) -> None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    try:
        tell(result=_measure(**json.loads(sys.argv[1]), progress=lambda stage, done: tell(stage=stage, done=done)))
    except ModelError as error:
        tell(error=str(error))


def _measure(
    *,
    shapes: Sequence[str],
    sizes: Sequence[int],
    steps: Sequence[int],
    seconds: float,
    device: str,
    threads: int,
    progress: Progress,
) -> dict[str, Any]:
    import torch

    from engine.models.diffusion.device_work import chosen_device, chosen_dtype, use_threads

    use_threads(threads)
    device = chosen_device(device)
    kind = torch.device(device).type
    dtype = getattr(torch, chosen_dtype("auto", device))
    shapes = shapes or (("tiny",) if kind == "cpu" else ("sd15", "sd-turbo", "sdxl-turbo"))
    limit_tflops = _matmul_tflops(device, dtype)
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if kind == "cuda" else device,
        "dtype": str(dtype).removeprefix("torch."),
        "threads": threads,
        "limit_tflops": round(limit_tflops, 3),
    }
    if kind == "cpu":
        result["unverified without a device"] = list(UNVERIFIED)
    cases = [(size, count) for size in sizes for count in steps]
    for place, shape in enumerate(shapes):
        bench = _ShapeBench(shape, device, dtype)
        result[shape] = {}
        for number, (size, count) in enumerate(cases):
            name = f"{size}x{size}, {count} {'step' if count == 1 else 'steps'}"
            progress(f"{shape} {name}", (place + number / len(cases)) / len(shapes))
            result[shape][name] = bench.measure(size, count, seconds, limit_tflops)
        bench.close()
    return result


class _ShapeBench:
    """One model, and diffusers' pipeline around its modules."""

    def __init__(self, shape: str, device: str, dtype: Any) -> None:
        import torch

        from engine.models.diffusion.device_work import device_wait
        from engine.models.diffusion.shapes import build, build_pipeline

        self._shape = shape
        self._torch = torch
        self._model = build(shape, device, dtype)
        self._pipeline = build_pipeline(self._model, shape)
        self._wait = device_wait(self._model.device)

    def measure(self, side: int, steps: int, seconds: float, limit_tflops: float) -> dict[str, Any]:
        """One size and number of real steps: ours with and without graphs, theirs both ways, in turn."""
        from engine.models.diffusion.shapes import gflop

        picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        painter = self._painter(side, steps, has_graphs=True)
        calls: dict[str, Call] = {
            "ours": lambda: painter.paint(picture),
            "call": self._their_call(picture, steps),
            "tensors": self._their_tensors(picture, steps),
        }
        is_cuda = self._model.device.type == "cuda"
        if is_cuda:
            without = self._painter(side, steps, has_graphs=False)
            calls["without_graphs"] = lambda: without.paint(picture)
        stages: list[dict[str, float]] = []
        times_ms = self._in_turn(calls, seconds, after_ours=lambda: stages.append(painter.clock.read_ms()))
        work = gflop(self._shape, side, side)
        work_gflop = work["encode"] + steps * work["unet"] + work["decode"]
        ours_ms = times_ms["ours"]
        result: dict[str, Any] = {
            "fps": round(1000.0 / ours_ms, 2),
            "ms": round(ours_ms, 3),
            **{f"{stage}_ms": round(statistics.median(call[stage] for call in stages), 3) for stage in stages[0]},
            "gflop": round(work_gflop, 2),
            "share_of_limit": round(work_gflop / ours_ms / limit_tflops, 4),
            "diffusers_call_ms": round(times_ms["call"], 3),
            "diffusers_tensors_ms": round(times_ms["tensors"], 3),
            "times_diffusers_call": round(times_ms["call"] / ours_ms, 3),
            "times_diffusers_tensors": round(times_ms["tensors"] / ours_ms, 3),
            "memory_mb": round(painter.memory_mb),
        }
        if is_cuda:
            result["without_graphs_ms"] = round(times_ms["without_graphs"], 3)
        return result

    def close(self) -> None:
        """Make room for the next shape."""
        from engine.models.diffusion.device_work import free_memory

        device = self._model.device
        del self._model, self._pipeline
        free_memory(device)

    def _painter(self, side: int, steps: int, *, has_graphs: bool) -> Any:
        """As the child has it. `steps` real steps: twice as many at half strength."""
        from engine.children.diffusion_painter import Painter
        from engine.children.diffusion_settings import read_settings
        from engine.models.diffusion.graphs import DirectCalls, calls_for

        painter = Painter(self._model, note=_refuse, calls=calls_for if has_graphs else lambda *_: DirectCalls())
        values = {"/sd/prompt": PROMPT, "/sd/width": side, "/sd/height": side}
        painter.take(read_settings(values | {"/sd/steps": 2 * steps, "/sd/strength": 0.5}))
        return painter

    def _their_call(self, picture: np.ndarray, steps: int) -> Call:
        from PIL import Image

        image = Image.fromarray(picture)
        return lambda: self._pipeline(PROMPT, image=image, **self._asked(steps)).images

    def _their_tensors(self, picture: np.ndarray, steps: int) -> Call:
        torch, model = self._torch, self._model
        with torch.no_grad():
            encoded = self._pipeline.encode_prompt(
                PROMPT, device=model.device, num_images_per_prompt=1, do_classifier_free_guidance=False
            )
        names = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
        embeds = dict(zip(names, encoded, strict=False))  # two for SD, four for SDXL
        image = torch.from_numpy(picture).permute(2, 0, 1)[None].to(model.device, model.dtype) / 255.0
        asked = embeds | self._asked(steps) | {"output_type": "pt"}
        return lambda: self._pipeline(image=image, **asked).images

    def _asked(self, steps: int) -> dict[str, Any]:
        generator = self._torch.Generator(self._model.device).manual_seed(1)
        return {"num_inference_steps": 2 * steps, "strength": 0.5, "guidance_scale": 1.0, "generator": generator}

    def _in_turn(self, calls: dict[str, Call], seconds: float, after_ours: Callable[[], None]) -> dict[str, float]:
        """Median ms of each, one after the other in rounds: whatever else the machine does strikes all alike."""
        for call in calls.values():
            for _ in range(WARM_UP_CALLS):
                call()
        times_ms: dict[str, list[float]] = {name: [] for name in calls}
        end_s = time.perf_counter() + seconds
        while time.perf_counter() < end_s or len(times_ms["ours"]) < FEWEST_CALLS:
            for name, call in calls.items():
                self._wait()
                began_s = time.perf_counter()
                call()
                self._wait()
                times_ms[name].append((time.perf_counter() - began_s) * 1000.0)
                if name == "ours":
                    after_ours()
        return {name: statistics.median(times) for name, times in times_ms.items()}


def _matmul_tflops(device: str, dtype: Any) -> float:
    """What a large matrix product reaches: the most that anything can. The best of thirty. A convolution may come
    out above it: Winograd's way to work one out multiplies less than is counted."""
    import torch

    from engine.models.diffusion.device_work import device_wait

    side = MATMUL_SIDE[torch.device(device).type]
    wait = device_wait(torch.device(device))
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    best_s = float("inf")
    for _ in range(MATMUL_RUNS):
        wait()
        began_s = time.perf_counter()
        torch.matmul(a, b)
        wait()
        best_s = min(best_s, time.perf_counter() - began_s)
    return 2.0 * side**3 / best_s / 1e12


def _refuse(key: str, line: str) -> None:
    """Nothing may be left out of what is measured."""
    raise ModelError(line)
