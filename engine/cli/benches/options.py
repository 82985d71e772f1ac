"""The options of `multiverse bench NAME`: a dataclass for each, from which the command line is made.

Each is run by `run(options, progress)` of the module `engine.cli.benches.NAME`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import UsageError
from engine.jobs.kit.options import DEVICES, option
from engine.system.picture_size import parse_size
from engine.values import MAX_OBJECTS

PICTURE_SIZE: Final = "Picture size in pixels."
SD_SHAPES: Final = "sd15|sd-turbo|sdxl-turbo|ssd-1b|sdxs|tiny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Width and height in px."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def read_size(text: str, *, step: int = 1, low: int = 1) -> Size:
    """Parse WxH; UsageError unless its sides are multiples of `step` and at least `low`."""
    width, height = parse_size(text, "")
    if min(width, height) < low or width % step or height % step:
        raise UsageError(f"{text}: both sides must be multiples of {step}, {low} or more")
    return Size(width=width, height=height)


def number(low: int, high: int, *, step: int = 1, kind: type = int) -> Callable[[str], Any]:
    """A parser of numbers in a range."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high or (value % step and step > 1):
            raise UsageError(f"takes {low} to {high}" + (f", in steps of {step}" if step > 1 else ""))
        return value

    return parse


def one_of(*names: str) -> Callable[[str], str]:
    """A parser of one of these names."""

    def parse(text: str) -> str:
        if text not in names:
            raise UsageError(f"takes {', '.join(names[:-1])} or {names[-1]}")
        return text

    return parse


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopBench:
    """Options of the benchmarks that run an engine: size and rate of its picture."""

    size: Size = option(Size(width=1280, height=720), PICTURE_SIZE, metavar="WxH", parse=read_size)
    fps: float = option(30.0, "Rate of the loop.", low=1)


def gpu() -> Any:
    return option(
        None,
        "Linux: draw with this GPU; part of the name is enough. `multiverse devices` lists them. [MULTIVERSE_GPU]",
        metavar="INDEX|NAME",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBench:
    """Options of the benchmarks of models: device and CPU threads."""

    device: str = option("auto", "Where to work.", metavar=DEVICES)
    threads: int = option(1, "CPU threads.", low=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderBench(LoopBench):
    """Measure the renderers, and the overhead of a frame."""

    gpu: str | None = gpu()
    frames: int = option(120, "Frames a renderer draws.", low=10)
    seconds: float = option(10.0, "Length of a quiet and of a loaded loop; 120 shows that memory stays flat.", low=1.0)
    cold: bool = option(
        False, "Only start Numba without compiled code, and again: takes half a minute.", flags="--cold"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OscBench(LoopBench):
    """Flood the engine with OSC while it draws: lost values, live latency, cost per frame. Then move a DMX fader."""

    rate: int = option(40_000, "Messages per second.")
    seconds: float = option(10.0, "Length with and without load, in turn.")
    busy: int = option(0, "Cores that other processes keep busy.", low=0, high=64)


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationBench(LoopBench):
    """Measure how a child process disturbs the picture: stopped, idle, busy, with and without the gate, killed every
    second."""

    model: str = option("random:tiny", "The child's model; random:SHAPE needs no weights.", metavar="MODEL")
    seconds: float = option(30.0, "Length of each case; 600 for the long test.", low=1.0)
    rounds: int = option(3, "Rounds of all cases, in turn.", low=1, metavar="COUNT")
    sd_size: Size = option(Size(width=512, height=512), "Size of the SD picture.", metavar="WxH", parse=read_size)
    device: str = option("auto", "Where the child works.", metavar=DEVICES)
    launches: int = option(20, "Prompts launched on the bar, which take two bars each.", low=0, metavar="COUNT")


@dataclass(frozen=True, slots=True, kw_only=True)
class SdBench(ModelBench):
    """Compare live diffusion, with random weights of the real shapes, with diffusers' own pipelines."""

    shape: tuple[str, ...] = option(
        (), "Repeatable. (default: tiny on a CPU, the first three elsewhere)", metavar=SD_SHAPES
    )
    size: tuple[int, ...] = option(
        (512, 768), "Side of the picture, repeatable. (default: 512 768)", metavar="PX", parse=number(64, 8192, step=64)
    )
    steps: tuple[int, ...] = option((1, 2, 4), "Repeatable. (default: 1 2 4)", metavar="COUNT", parse=number(1, 10))
    pan: int = option(24, "Frames of a pan; 0: none, nor regions, ControlNets, IP-Adapter.", low=0, metavar="FRAMES")
    is_compiled: bool = option(False, "Compile our UNet before it is measured: minutes.", flags="--compile")
    seconds: float = option(5.0, "Length of each size and number of steps.", metavar="SECONDS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam3Bench(ModelBench):
    """Compare SAM3, with random weights of the real size, with transformers' own, which makes masks of the full
    size."""

    shape: str = option(
        "",
        "Model size to measure. (default: the real size; on a CPU tiny)",
        metavar="sam3|sam3.1|tiny|tiny3.1",
        shows_default=False,
    )
    mode: tuple[str, ...] = option(
        ("image", "track"), "Repeatable. (default: image track)", metavar="image|track", parse=one_of("image", "track")
    )
    resolution: tuple[int, ...] = option(
        (),
        "1008, 840, 672, 504 or 336, repeatable. (default: 1008; tiny: 336)",
        metavar="PX",
        parse=lambda text: int(one_of("1008", "840", "672", "504", "336")(text)),
    )
    prompts: tuple[int, ...] = option(
        (1,), "Number of prompts, 1 to 4, repeatable. (default: 1)", metavar="COUNT", parse=number(1, 4)
    )
    size: Size = option(Size(width=1920, height=1080), PICTURE_SIZE, metavar="WxH", parse=read_size)
    objects: int = option(16, "Objects found in each picture.", low=1, high=MAX_OBJECTS)
    batch: int = option(1, "Pictures per batch; image mode only.", low=1, high=4)
    is_compiled: bool = option(False, "Compile ours before it is measured: minutes.", flags="--compile")
    is_fp8: bool = option(False, "Our ViT in 8-bit floating point; tells the masks' IoU.", flags="--fp8")
    seconds: float = option(5.0, "Length of each of a case's two measurements.", metavar="SECONDS")


@dataclass(frozen=True, slots=True, kw_only=True)
class RvcBench(ModelBench):
    """Measure voice conversion of files and streams, with random weights of the real size."""

    shape: str = option(
        "",
        "Model shape to measure. (default: v2-48k; on a CPU tiny)",
        metavar="v2-48k|v2-40k|v2-32k|v1-48k|v1-40k|v1-32k|tiny",
        shows_default=False,
    )
    seconds: float | None = option(None, "Length of the sound. (default: 180; on a CPU 20)", low=1.0, metavar="SECONDS")
    block: tuple[float, ...] = option(
        (100.0, 250.0, 500.0),
        "Block length of the live conversion, repeatable. (default: 100 250 500)",
        metavar="MS",
        parse=number(20, 1500, kind=float),
    )
    files: int | None = option(
        None, "Number of 3 s files, for batches. (default: 32; on a CPU 8)", low=1, metavar="COUNT"
    )
    embeddings: int = option(20_000, "Vectors in the index.", low=40)


BENCHES: Final[dict[str, type]] = {
    "render": RenderBench,
    "osc": OscBench,
    "isolation": IsolationBench,
    "sd": SdBench,
    "sam3": Sam3Bench,
    "rvc": RvcBench,
}
