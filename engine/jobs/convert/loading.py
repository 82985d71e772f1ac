"""Loads the voice of a job, here or in an actor of a cluster, and describes it in plain values."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.jobs.convert.job import ConvertJob
from engine.models.rvc import VoiceSettings
from engine.models.rvc.cutting import Cutting
from engine.models.rvc.optimization import OptimizationConfig

if TYPE_CHECKING:
    from engine.models.rvc.offline import VoiceConverter


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceFacts:
    """The facts of a loaded voice that a run needs."""

    settings: VoiceSettings
    options: OptimizationConfig
    cutting: Cutting
    hop: int
    """Samples per frame of 10 ms."""
    rate_hz: int
    device: str
    dtype: str
    pitch: str
    """Pitch method: rmvpe, fcpe or yin."""
    has_pitch: bool
    content: str
    """Name of the encoder, HuBERT or ContentVec."""
    notes: tuple[str, ...]


def load_converter(job: ConvertJob, environ: Mapping[str, str] = os.environ) -> "VoiceConverter":
    """The model on its device. ModelError in one line; ConfigError for wrong values in `environ`."""
    from engine.models.card_memory import full_told
    from engine.models.device_work import chosen_device, use_threads
    from engine.models.rvc.load import load
    from engine.models.rvc.offline import VoiceConverter

    if job.threads is not None:
        use_threads(job.threads)
    device = chosen_device(job.device)
    options = OptimizationConfig.resolve(device, environ, **job.switches)
    spec = replace(job.spec, is_retrieved_on_device=options.gpu_retrieval)
    dtype = "float16" if options.fp16 else "float32"
    with full_told(spec.model, device, dtype):
        model = load(spec, device, dtype)
    return VoiceConverter(model, job.settings, options)


def facts_of(converter: "VoiceConverter") -> VoiceFacts:
    model = converter.model
    return VoiceFacts(
        **{name: getattr(converter, name) for name in ("settings", "options", "cutting", "hop", "rate_hz")},
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        pitch=model.pitch.name,
        has_pitch=model.has_pitch,
        content=model.spec.content,
        notes=model.notes,
    )
