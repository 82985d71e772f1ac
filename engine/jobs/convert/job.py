"""A conversion job: inputs, output and settings. Plain values, so a job can be sent to another
process or machine."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from engine.errors import UsageError
from engine.jobs.kit.options import (
    CLUSTER,
    CLUSTERS,
    DEVICE,
    DEVICES,
    OVERWRITE,
    RESUME,
    OptionInfo,
    check_number,
    check_place,
    option,
)
from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.optimization import MAX_BATCH
from osc_schema import lookup

RATES_HZ = (8000, 192_000)
NO_MODEL = (
    "no model: name one with --model (a .pth or .safetensors file), or set model under [rvc] in a "
    "file and pass "
    "--config FILE.toml"
)
VOICE_OPTIONS = {
    "pitch": OptionInfo(help="-24 to 24; 12 from a low voice to a high.", metavar="SEMITONES"),
    "formant": OptionInfo(
        help="-2 to 2: formant shift; higher sounds smaller.", metavar="SEMITONES"
    ),
    "is_autotuned": OptionInfo(help="Pull the pitch to the nearest semitone.", flags="--autotune"),
    "speaker": OptionInfo(help="Speaker of the model, from 0.", metavar="N"),
    "index_rate": OptionInfo(help="Strength of the index.", metavar="0..1"),
    "retrieval_power": OptionInfo(
        help="Weight of index entries: 1/distance^2 (1) or 1/distance^4 (2).", metavar="1|2"
    ),
    "protect": OptionInfo(
        help="Protection of breath and consonants from the index; 0.5 is off.", metavar="0..0.5"
    ),
    "rms_mix": OptionInfo(help="Loudness: 0 of the source, 1 of the model.", metavar="0..1"),
    "threshold_db": OptionInfo(
        help="Noise gate: softer is silenced; -60 is off.", flags="--threshold", metavar="dB"
    ),
}
"""Options of VoiceSettings. Their ranges are those of the live voice's parameters, /rvc/pitch and
so on."""


HALVES: Final = {"auto": None, "float16": True, "float32": False}
"""For each precision, whether it is half; None: the environment's, else the device's."""
HALF: Final = "Precision; auto: 16 bits on CUDA."


def rate_of(text: str) -> int | Literal["source", "model"]:
    """Parse `--rate`: source, model or a number; UsageError for anything else."""
    try:
        return "source" if text == "source" else "model" if text == "model" else int(text)
    except ValueError:
        raise UsageError(
            f"--rate: {text} is neither source nor model nor a number of Hz (for example 48000)"
        ) from None


def _switch(help: str, name: str) -> Any:
    return option(None, help, flags=f"--{name}/--no-{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertJob:
    sources: tuple[Path, ...]
    """Sound files, videos, and folders of them."""
    output: str
    """A file for one source, or a folder, which keeps the sources' names. A string: a Path drops a
    trailing slash."""
    spec: VoiceSpec
    settings: VoiceSettings = field(default_factory=VoiceSettings)
    rate_hz: int | Literal["source", "model"] = option(
        "source",
        "Sample rate of the output.",
        flags="--rate",
        metavar="HZ|source|model",
        parse=rate_of,
    )
    """`source` and `model` are raised to the next rate that the file format supports."""
    cluster: str | None = option(None, CLUSTER, metavar=CLUSTERS)
    device: str = option("auto", DEVICE, metavar=DEVICES, is_configured=True)
    threads: int | None = option(None, "CPU threads. (default: chosen by torch)", metavar="N")
    """None: chosen by torch, or one per actor on a cluster."""
    batch_size: int | None = option(
        None, "Spans per batch. [RVC_BATCH_SIZE]", flags="--batch", metavar="N"
    )
    dtype: str = option("auto", f"{HALF} [RVC_USE_FP16]", metavar="|".join(HALVES))
    gpu_filter: bool | None = _switch(
        "High-pass filter on the device. [RVC_GPU_FILTER]", "gpu-filter"
    )
    gpu_retrieval: bool | None = _switch(
        "Search the index on the device. [RVC_GPU_RETRIEVAL]", "gpu-retrieval"
    )
    profiling: bool | None = _switch("Report the time of each stage. [RVC_PROFILING]", "profile")
    """None in these four, and auto in dtype: taken from the environment (RVC_*), else chosen for
    the device."""
    overwrite: bool = option(False, OVERWRITE, flags="--overwrite")
    resume: bool = option(False, RESUME, flags="--resume")
    """Skip files that exist already, and continue one that was interrupted."""

    def check(self) -> None:
        """Raise UsageError for contradictions and values out of range. Touches no file."""
        if not self.spec.model:
            raise UsageError(NO_MODEL)
        if not self.sources:
            raise UsageError(
                f"{self.output}: is taken as the output; name sound files, videos or folders "
                "before it"
            )
        if self.overwrite and self.resume:
            raise UsageError(
                "--overwrite and --resume contradict each other: replace existing files, or skip "
                "them"
            )
        if self.cluster is not None and (self.gpu_filter or self.profiling):
            reason = "the filter runs on this machine, and stages are not timed"
            raise UsageError(f"--cluster: {reason}; leave out --gpu-filter and --profile")
        for name, info in VOICE_OPTIONS.items():
            if not info.flags.endswith("autotune"):
                param = lookup(f"/rvc/{name.removesuffix('_db')}")
                assert param is not None
                check_number(
                    info.flags_of(name), getattr(self.settings, name), param.low, param.high
                )
        if isinstance(self.rate_hz, int):
            check_number("--rate", self.rate_hz, *RATES_HZ)
        check_place(self.device, self.dtype, "|".join(HALVES))
        check_number("--batch", 1 if self.batch_size is None else self.batch_size, 1, MAX_BATCH)
        check_number("--threads", 1 if self.threads is None else self.threads, 1)

    @property
    def switches(self) -> dict[str, Any]:
        """Arguments for `OptimizationConfig.resolve`."""
        names = ("gpu_retrieval", "gpu_filter", "batch_size", "profiling")
        return {name: getattr(self, name) for name in names} | {"fp16": HALVES[self.dtype]}
