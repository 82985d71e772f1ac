"""A conversion job: inputs, output and settings. Plain values, so a job can be sent to another process or machine."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.errors import UsageError
from engine.jobs.kit.option_range import check_number
from engine.jobs.kit.options import CLUSTER, CLUSTERS, DEVICE, DEVICES, OVERWRITE, RESUME, OptionInfo, option
from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.optimization import MAX_BATCH
from osc_schema import lookup

RATES_HZ = (8000, 192_000)
NO_MODEL = (
    "no model: name one with --model (a .pth or .safetensors file), or set model under [rvc] in a file and pass "
    "--config FILE.toml"
)
VOICE_OPTIONS = {
    "pitch": OptionInfo(help="-24 to 24; 12 from a low voice to a high.", metavar="SEMITONES"),
    "formant": OptionInfo(help="-2 to 2: a smaller (up) throat.", metavar="SEMITONES"),
    "is_autotuned": OptionInfo(help="Draw the pitch to the nearest semitone.", flags="--autotune"),
    "speaker": OptionInfo(help="Which of the model's speakers, from 0.", metavar="N"),
    "index_rate": OptionInfo(help="How much the index draws to the voice.", metavar="0..1"),
    "retrieval_power": OptionInfo(help="Its entries weigh by 1/distance^2 (1) or 1/distance^4 (2).", metavar="1|2"),
    "protect": OptionInfo(help="The index's share of breath; 0.5 is off.", metavar="0..0.5"),
    "rms_mix": OptionInfo(help="Loudness: 0 the voice's, 1 the model's.", metavar="0..1"),
    "threshold_db": OptionInfo(help="Softer is silence; -60 is off.", flags="--threshold", metavar="dB"),
}
"""Options of VoiceSettings. Their ranges are those of the live voice's parameters, /rvc/pitch and so on."""


def rate_of(text: str) -> int | Literal["source", "model"]:
    """UsageError for what is neither source nor model nor a number."""
    if text == "source":
        return "source"
    if text == "model":
        return "model"
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--rate: {text} is neither source nor model nor a number of Hz (for example 48000)") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertJob:
    sources: tuple[Path, ...]
    """Sound files, videos, and folders of them."""
    output: str
    """A file if there is one source, or a folder, which keeps the sources' names. Text: a Path forgets a / at its
    end."""
    spec: VoiceSpec
    settings: VoiceSettings = field(default_factory=VoiceSettings)
    rate_hz: int | Literal["source", "model"] = option(
        "source", "Sample rate of what is written.", flags="--rate", metavar="HZ|source|model", parse=rate_of
    )
    """source and model become the next higher rate that the file format takes."""
    cluster: str | None = option(None, CLUSTER, metavar=CLUSTERS)
    device: str = option("auto", DEVICE, metavar=DEVICES, is_configured=True)
    threads: int | None = option(None, "Of the CPU's work. (default: torch chooses)")
    """CPU threads of the model; None: as torch chooses, on a cluster one."""
    batch_size: int | None = option(None, "Pieces at once. [RVC_BATCH_SIZE]", flags="--batch", metavar="N")
    fp16: bool | None = option(None, "Half precision. [RVC_USE_FP16]", flags="--fp16/--no-fp16")
    gpu_filter: bool | None = option(
        None, "Filter on the device. [RVC_GPU_FILTER]", flags="--gpu-filter/--no-gpu-filter"
    )
    gpu_retrieval: bool | None = option(
        None, "Search the index on the device. [RVC_GPU_RETRIEVAL]", flags="--gpu-retrieval/--no-gpu-retrieval"
    )
    profiling: bool | None = option(
        None, "Print the time spent in each stage. [RVC_PROFILING]", flags="--profile/--no-profile"
    )
    """If these five are None, the environment decides (RVC_*), else what suits the device."""
    overwrite: bool = option(False, OVERWRITE, flags="--overwrite")
    resume: bool = option(False, RESUME, flags="--resume")
    """Leave files alone that are there already, and go on with one that was interrupted."""

    def check(self) -> None:
        """Raise UsageError for contradictions and values out of range. Touches no file."""
        if not self.spec.model:
            raise UsageError(NO_MODEL)
        if not self.sources:
            raise UsageError(f"{self.output}: is the output, then; name sound files, videos or folders before it")
        if self.overwrite and self.resume:
            raise UsageError("--overwrite and --resume contradict each other: one replaces what the other leaves alone")
        if self.cluster is not None and (self.gpu_filter or self.profiling):
            raise UsageError(
                "--cluster: sounds are filtered on this machine, and no stages are timed; leave --gpu-filter and "
                "--profile out"
            )
        for name, info in VOICE_OPTIONS.items():
            if not info.flags.endswith("autotune"):
                param = lookup(f"/rvc/{name.removesuffix('_db')}")
                assert param is not None
                flag = info.flags or f"--{name.replace('_', '-')}"
                check_number(flag, getattr(self.settings, name), param.low, param.high)
        if isinstance(self.rate_hz, int):
            check_number("--rate", self.rate_hz, *RATES_HZ)
        check_number("--batch", 1 if self.batch_size is None else self.batch_size, 1, MAX_BATCH)
        check_number("--threads", 1 if self.threads is None else self.threads, 1)

    @property
    def switches(self) -> dict[str, Any]:
        """The arguments of `OptimizationConfig.resolve`."""
        names = ("gpu_retrieval", "fp16", "gpu_filter", "batch_size", "profiling")
        return {name: getattr(self, name) for name in names}
