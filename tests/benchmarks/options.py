"""Options that several measurements have, and those of `render` and `sd`: dataclasses from which
the command line is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import UsageError
from engine.jobs.kit.options import DEVICES, option
from engine.system.picture_size import parse_size

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
            raise UsageError(
                f"takes {low} to {high}" + (f", in steps of {step}" if step > 1 else "")
            )
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
        "Linux: draw with this GPU; part of the name is enough. `multiverse devices` lists them. "
        "[MULTIVERSE_GPU]",
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
    seconds: float = option(
        10.0, "Length of a quiet and of a loaded loop; 120 shows that memory stays flat.", low=1.0
    )
    cold: bool = option(
        False,
        "Only start Numba without compiled code, and again: takes half a minute.",
        flags="--cold",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SdBench(ModelBench):
    """Compare live diffusion, with random weights of the real shapes, with diffusers' own
    pipelines."""

    shape: tuple[str, ...] = option(
        (), "Repeatable. (default: tiny on a CPU, the first three elsewhere)", metavar=SD_SHAPES
    )
    size: tuple[int, ...] = option(
        (512, 768),
        "Side of the picture, repeatable. (default: 512 768)",
        metavar="PX",
        parse=number(64, 8192, step=64),
    )
    steps: tuple[int, ...] = option(
        (1, 2, 4), "Repeatable. (default: 1 2 4)", metavar="COUNT", parse=number(1, 10)
    )
    pan: int = option(
        24,
        "Frames of a pan; 0: none, nor regions, ControlNets, IP-Adapter.",
        low=0,
        metavar="FRAMES",
    )
    is_compiled: bool = option(
        False, "Compile our UNet before it is measured: minutes.", flags="--compile"
    )
    seconds: float = option(5.0, "Length of each size and number of steps.", metavar="SECONDS")
