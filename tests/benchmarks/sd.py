"""Live diffusion compared with diffusers' own pipelines, in alternating calls, on the same modules,
device and run.

Ours is the child's work for one picture: uint8 in, uint8 out, all steps of consecutive pictures in
one call. Theirs is measured twice: as a user calls it (text and PIL picture in, PIL picture out),
and with everything prepared (embeddings and tensor in, tensor out). On a CPU that is faster in
bfloat16, both are also measured in float32. `ms` is the latency of a call alone, with a wait before
and after it. `fps` is the rate of calls in a row. Ours and their usual call end with the picture in
main memory, so `fps` is nearly 1000 / `ms`. Their tensors stay on the device, where the next call
may begin before they are finished: their advantage.
"""

import itertools
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from engine.errors import ModelError
from tests.benchmarks.measuring import Progress, device_facts, in_own_process
from tests.benchmarks.options import SdBench

if TYPE_CHECKING:
    from tests.benchmarks.device_measuring import MeasuredDevice

UNVERIFIED = (
    "gain from CUDA graphs",
    "float16 overflow in the models' outputs",
    "contention with the renderer on one GPU",
    "device memory over 10 000 frames",
    "speed at full model size",
)
"""Not measurable on a CPU."""
MIN_CALLS = 5
MIN_RUNS = 2
CALLS_A_RUN = 4  # calls in a row; more of short ones
WARM_UP_CALLS = 3
PAN_AMOUNT = 0.75
UPSCALER = (18, 64, 4)
SMALL_UPSCALER = (3, 8, 2)
"""Layers, channels and factor: of realesr-animevideov3; of one for a CPU."""
PROMPT = "a forest of glass at dawn"

Call = Callable[[], object]


def run(options: SdBench, progress: Progress) -> dict[str, Any]:
    """Figures by shape, then by size and steps; ModelError for an unknown shape or device.

    Times in ms, work in GFLOP (2 x multiply-adds) a picture, `tflops`: work per second."""
    return in_own_process(_measure, options, progress)


def _accelerator_of(options: SdBench) -> str:
    return "inductor" if options.is_compiled else "none"


def _measure(options: SdBench, progress: Progress) -> dict[str, Any]:
    from tests.benchmarks.device_measuring import measured_device

    target = measured_device(options.device, options.threads)
    shapes = options.shape or (
        ("tiny",) if target.kind == "cpu" else ("sd15", "sd-turbo", "sdxl-turbo")
    )
    result = progress.begin(
        device_facts(target, UNVERIFIED) | {"accelerator": _accelerator_of(options)}
    )
    cases = [(size, count) for size in options.size for count in options.steps]
    for done, shape in enumerate(shapes):
        progress(f"{shape}: loading", done / len(shapes))
        bench = _ShapeBench(shape, target, options)
        result[shape] = {}
        for number, (size, count) in enumerate(cases):
            name = f"{size}x{size}, {count} {'step' if count == 1 else 'steps'}"
            progress(f"{shape} {name}", (done + number / len(cases)) / len(shapes))
            result[shape][name] = bench.measure(size, count)
        if options.pan:
            progress(f"{shape}: a slow pan", (done + 1) / len(shapes))
            result.setdefault("pan", {})[shape] = bench.pan(min(options.size), options.pan)
            progress(f"{shape}: a ControlNet", (done + 1) / len(shapes))
            result.setdefault("controls", {})[shape] = bench.controls(min(options.size))
            progress(f"{shape}: an IP-Adapter", (done + 1) / len(shapes))
            if figures := bench.reference(min(options.size)):
                result.setdefault("ip_adapter", {})[shape] = figures
        progress(f"{shape}: the upscaler", (done + 1) / len(shapes))
        result.setdefault("upscale", {})[shape] = bench.upscale(min(options.size))
        bench.close()
    return result


def panorama(side: int, frames: int) -> np.ndarray:
    """A made-up landscape (side, width, 3) uint8 with details of all sizes, wide enough for a
    pan."""
    random = np.random.default_rng(3)
    wide = side + 8 * frames
    landscape = np.zeros((side, wide, 3), np.float32)
    for grain in (8, 16, 32, 64):
        spots = random.random((side // grain + 2, wide // grain + 2, 3), np.float32)
        landscape += grain * cv2.resize(spots, (wide, side), interpolation=cv2.INTER_CUBIC)
    scaled: np.ndarray = 255.0 * (landscape - landscape.min()) / np.ptp(landscape)
    return scaled.astype(np.uint8)


def copy_pixels(painted: Any) -> np.ndarray:
    """Copy the painted pixels, because the next picture overwrites them."""
    pixels: np.ndarray = painted.pixels.copy()
    return pixels


class _ShapeBench:
    """One model, and diffusers' pipeline around its modules."""

    def __init__(self, shape: str, target: "MeasuredDevice", options: SdBench) -> None:
        from engine.models.sd.accelerators import accelerate, require_accelerator
        from tests.benchmarks.sd_baseline import DiffusersBaseline

        self._shape = shape
        self._target = target
        self._seconds = options.seconds
        self._baseline = DiffusersBaseline(shape, target, PROMPT)
        self._model = self._baseline.model
        self._model.spec = replace(self._model.spec, accelerator=_accelerator_of(options))
        require_accelerator(self._model.spec, self._model.device)
        accelerate(self._model)
        self._is_plain = not options.is_compiled
        exact = target.in_float32()
        self._exact = DiffusersBaseline(shape, exact, PROMPT) if exact else None

    def measure(self, side: int, steps: int) -> dict[str, Any]:
        """One size and number of real steps: ours with and without graphs, theirs both ways,
        alternating."""
        from tests.benchmarks.gflop import sd_gflop

        picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        painter = self._painter(side, steps, has_graphs=True)
        calls: dict[str, Call] = {
            "ours": lambda: painter.paint(picture),
            "call": self._baseline.call(picture, steps),
            "tensors": self._baseline.tensors(picture, steps),
        }
        has_graphs = self._model.device.type == "cuda" and self._is_plain
        if has_graphs:
            without = self._painter(side, steps, has_graphs=False)
            calls["without_graphs"] = lambda: without.paint(picture)
        if self._exact:
            exact = self._painter(side, steps, has_graphs=True, model=self._exact.model)
            calls |= {
                "float32": lambda: exact.paint(picture),
                "float32_call": self._exact.call(picture, steps),
            }
        parts_ms: list[dict[str, float]] = []

        def read(name: str) -> None:
            if name == "ours":
                parts_ms.append(painter.clock.read_ms())

        ms = self._times_ms(calls, rounds=MIN_CALLS, warm_up=WARM_UP_CALLS, min_calls=0, after=read)
        fps = {name: 1000.0 / each for name, each in self._times_ms(calls).items()}
        work = sd_gflop(self._shape, side, side)
        work_gflop = work["encode"] + steps * work["unet"] + work["decode"]
        result: dict[str, Any] = {
            "fps": round(fps["ours"], 2),
            "ms": round(ms["ours"], 3),
            **{
                f"{part}_ms": round(statistics.median(each[part] for each in parts_ms), 3)
                for part in parts_ms[0]
            },
            "gflop": round(work_gflop, 2),
            "tflops": round(work_gflop * fps["ours"] / 1000.0, 4),
            "memory_mb": painter.model.used_mb,
        }
        for way in ("call", "tensors"):
            result[f"diffusers_{way}_fps"] = round(fps[way], 2)
            result[f"diffusers_{way}_ms"] = round(ms[way], 3)
            result[f"times_diffusers_{way}"] = round(fps["ours"] / fps[way], 3)
        for way in fps.keys() - {"ours", "call", "tensors"}:
            name = way.replace("32_", "32_diffusers_")
            result |= {f"{name}_fps": round(fps[way], 2), f"{name}_ms": round(ms[way], 3)}
            result[f"times_{name}"] = round(fps["ours"] / fps[way], 3)
        return result

    def pan(self, side: int, frames: int) -> dict[str, Any]:
        """A pan by eight pixels per frame, with and without /sd/consistency: flicker, times; also
        prompts by region."""
        from engine.models.sd.consistency import flicker

        world = panorama(side, frames)
        sources = [world[:, 8 * frame : 8 * frame + side] for frame in range(frames)]
        painters = {
            amount: self._painter(side, 2, has_graphs=True, **{"/sd/consistency": amount})
            for amount in (0.0, PAN_AMOUNT)
        }
        steady, usual = (
            flicker(
                [copy_pixels(painters[amount].paint(source)) for source in sources][frames // 4 :],
                (8, 0),
            )
            for amount in (PAN_AMOUNT, 0.0)
        )

        def paint(painter: Any) -> Call:
            turn = itertools.cycle(sources)
            return lambda: painter.paint(next(turn), regions=quarters)

        quarters = np.arange(4, dtype=np.uint8).reshape(2, 2).repeat(32, axis=0).repeat(32, axis=1)
        of_regions = {f"/sd/prompts/{n}/text": f"{PROMPT}, {n}" for n in range(1, 5)} | {
            "/sd/regions": True
        }
        calls = {str(amount): paint(painter) for amount, painter in painters.items()}
        calls["regions"] = paint(self._painter(side, 2, has_graphs=True, **of_regions))
        times = self._times_ms(calls)
        return {
            "consistency": PAN_AMOUNT,
            "flicker": round(steady, 2),
            "flicker_without": round(usual, 2),
            "less": round(1.0 - steady / usual, 3),
            "times_the_time": round(times[str(PAN_AMOUNT)] / times["0.0"], 3),
            "four_regions_times_the_time": round(times["regions"] / times["0.0"], 3),
        }

    def controls(self, side: int) -> dict[str, Any]:
        """The time of a picture with a ControlNet, by what it sees, compared with that without one,
        in turn."""
        plain = self._painter(side, 2, has_graphs=True)
        self._baseline.add_controls()
        black = np.zeros((side, side, 3), np.uint8)
        calls: dict[str, Call] = {"none": lambda: plain.paint(black)}
        for sees in ("input", "edges", "soft", "depth", "pose"):
            values = {"/sd/controlnet/1/enable": True, "/sd/controlnet/1/source": sees}
            calls[sees] = partial(self._painter(side, 2, has_graphs=True, **values).paint, black)
        times = self._times_ms(calls)
        self._model.controlnets = ()
        self._model.detectors = {}
        ratios = {
            f"{sees}_times_the_time": round(times[sees] / times["none"], 3)
            for sees in times
            if sees != "none"
        }
        return {"size": side, **ratios}

    def reference(self, side: int) -> dict[str, Any] | None:
        """The time of a picture with an IP-Adapter, by whether its reference picture moves,
        compared with that without one, in turn; None if there is none for this model."""
        from tests.benchmarks.sd_baseline import model_with_adapter

        adapted = model_with_adapter(self._shape, self._target) if self._is_plain else None
        if adapted is None:
            return None
        picture = panorama(side, 0)
        with tempfile.TemporaryDirectory(
            prefix="multiverse-bench-", ignore_cleanup_errors=True
        ) as folder:
            file = str(Path(folder, "reference.png"))
            cv2.imwrite(file, picture)
            still = self._painter(
                side, 2, has_graphs=True, model=adapted, **{"/sd/ip_adapter/image": file}
            )
        live = self._painter(
            side, 2, has_graphs=True, model=adapted, **{"/sd/ip_adapter/live": "source"}
        )
        painters = {"none": self._painter(side, 2, has_graphs=True), "still": still, "live": live}
        calls: dict[str, Call] = {
            name: partial(painter.paint, picture) for name, painter in painters.items()
        }
        times = self._times_ms(calls)
        ratios = {
            f"{name}_times_the_time": round(times[name] / times["none"], 3)
            for name in ("still", "live")
        }
        return {"size": side, **ratios}

    def upscale(self, side: int) -> dict[str, Any]:
        """The time of /sd/upscale 2x, with as many random weights as realesr-animevideov3 has; on a
        CPU with few."""
        from engine.models.device_work import in_fastest_layout
        from engine.models.sd.upscaler import Upscaler

        device = self._model.device
        layers, width, factor = SMALL_UPSCALER if device.type == "cpu" else UPSCALER
        network = (
            Upscaler(layers, width, factor)
            .requires_grad_(False)
            .eval()
            .to(device, self._model.dtype)
        )
        self._model.upscaler = in_fastest_layout(network, device)
        painter = self._painter(side, 1, has_graphs=True, **{"/sd/upscale": "2x"})
        black = np.zeros((side, side, 3), np.uint8)
        elapsed_ms = []
        for _ in range(WARM_UP_CALLS + MIN_CALLS):
            painter.paint(black)
            elapsed_ms.append(painter.clock.read_ms()["upscale"])
        self._model.upscaler = None
        median_ms = statistics.median(elapsed_ms[WARM_UP_CALLS:])
        return {
            "size": side,
            "layers": layers,
            "channels": width,
            "upscale_ms": round(median_ms, 3),
        }

    def close(self) -> None:
        """Free the memory for the next shape."""
        del self._model
        for baseline in filter(None, (self._baseline, self._exact)):
            baseline.close()

    def _times_ms(
        self,
        calls: dict[str, Call],
        *,
        rounds: int = MIN_RUNS,
        min_calls: int = CALLS_A_RUN,
        **more: Any,
    ) -> dict[str, float]:
        """Ms of each call in a row, or alone with `min_calls` 0, interleaved with the others: see
        `interleaved_ms`."""
        from tests.benchmarks.device_measuring import interleaved_ms

        wait = self._baseline.wait
        seconds = self._seconds / 2
        times_ms = interleaved_ms(
            calls, wait, rounds=rounds, seconds=seconds, min_calls=min_calls, **more
        )
        return {name: statistics.median(each) for name, each in times_ms.items()}

    def _painter(
        self, side: int, steps: int, *, has_graphs: bool, model: Any = None, **more: Any
    ) -> Any:
        """A painter as in the child, past its first picture. `steps` real steps: twice as many at
        half strength. `model`: another one than the measured."""
        from engine.live.sd.painter import Painter
        from engine.live.sd.settings import read_settings
        from engine.models.graphs import DirectRunner, runner_for

        compiled: list[str] = []

        def note(key: str, line: str) -> None:
            """Fail, because warnings mean that the measurement would be incomplete."""
            if key != "accelerator" or "cannot" in line:
                raise ModelError(line)
            compiled.append(line)

        calls: Any = runner_for if has_graphs else lambda *_: DirectRunner()
        painter = Painter(model or self._model, note=note, calls=calls)
        values = {"/sd/prompt": PROMPT, "/sd/width": side, "/sd/height": side, **more}
        painter.apply(read_settings(values | {"/sd/steps": 2 * steps, "/sd/strength": 0.5}))
        black = np.zeros((side, side, 3), np.uint8)
        # A stream of several steps fills first; then it compiles beside the plain parts: two lines.
        while painter.paint(black) is None or not (self._is_plain or len(compiled) > 1):
            pass
        return painter
