"""What is to be converted, into what and how. Plain values: a job can travel to another process or machine."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.errors import UsageError
from engine.jobs.kit.option_range import check_number
from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.optimization import MAX_BATCH
from osc_schema import lookup

RATES_HZ = (8000, 192_000)
NO_MODEL = (
    "no model: name one with --model (a .pth or .safetensors file), or set model under [rvc] in a file and pass "
    "--config FILE.toml"
)
# Where a setting's range stands: the parameters of the live voice have the same.
ADDRESSES = {
    "pitch": ("--pitch", "/rvc/pitch"),
    "formant": ("--formant", "/rvc/formant"),
    "index_rate": ("--index-rate", "/rvc/index_rate"),
    "retrieval_power": ("--retrieval-power", "/rvc/retrieval_power"),
    "protect": ("--protect", "/rvc/protect"),
    "rms_mix": ("--rms-mix", "/rvc/rms_mix"),
    "threshold_db": ("--threshold", "/rvc/threshold"),
    "speaker": ("--speaker", "/rvc/speaker"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertJob:
    sources: tuple[Path, ...]
    """Sound files, videos, and folders of them."""
    output: str
    """A file, where there is one source, or a folder, which keeps the sources' names. Text, for a Path forgets the / at
    its end."""
    spec: VoiceSpec
    settings: VoiceSettings = field(default_factory=VoiceSettings)
    rate_hz: int | Literal["source", "model"] = "source"
    """Of what is written: a number, the source's or the model's; of these two the next higher one that the form of the
    file takes."""
    device: str = "auto"
    threads: int | None = None
    """CPU threads of the model; None: as torch chooses."""
    gpu_retrieval: bool | None = None
    fp16: bool | None = None
    gpu_filter: bool | None = None
    batch_size: int | None = None
    profiling: bool | None = None
    """These five None: as the environment says (RVC_*), else as suits the device."""
    overwrite: bool = False
    resume: bool = False
    """Files that are there already are left alone, and one that was interrupted goes on where it stopped."""

    def check(self) -> None:
        """UsageError for what contradicts itself or lies outside its range. Touches no file."""
        if not self.spec.model:
            raise UsageError(NO_MODEL)
        if not self.sources:
            raise UsageError(f"{self.output}: is the output, then; name sound files, videos or folders before it")
        if self.overwrite and self.resume:
            raise UsageError("--overwrite and --resume contradict each other: one replaces what the other leaves alone")
        for name, (option, address) in ADDRESSES.items():
            param = lookup(address)
            check_number(option, getattr(self.settings, name), param.low, param.high)
        if isinstance(self.rate_hz, int):
            check_number("--rate", self.rate_hz, *RATES_HZ)
        check_number("--batch", 1 if self.batch_size is None else self.batch_size, 1, MAX_BATCH)
        check_number("--threads", 1 if self.threads is None else self.threads, 1)

    @property
    def switches(self) -> dict[str, Any]:
        """What `OptimizationConfig.resolve` is asked for."""
        names = ("gpu_retrieval", "fp16", "gpu_filter", "batch_size", "profiling")
        return {name: getattr(self, name) for name in names}
