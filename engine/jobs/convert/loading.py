"""Loads the voice of a job, here or in an actor of a cluster, and describes it in plain values."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.jobs.convert.job import ConvertJob
from engine.jobs.kit.ray_pool import LoadedModel
from engine.models.rvc import VoiceSettings
from engine.models.rvc.cutting import FRAME, RATE_HZ, CutLengths
from engine.models.rvc.optimization import OptimizationConfig

if TYPE_CHECKING:
    from engine.models.rvc.offline import VoiceConverter


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceFacts(LoadedModel):
    """The facts of a loaded voice that a run needs."""

    settings: VoiceSettings
    options: OptimizationConfig
    cutting: CutLengths
    hop: int
    """Samples per frame of 10 ms."""
    rate_hz: int
    pitch: str
    """Pitch method: rmvpe, fcpe or yin."""
    has_pitch: bool
    content: str
    """Name of the encoder, HuBERT or ContentVec."""


def load_converter(job: ConvertJob, environ: Mapping[str, str] = os.environ) -> "VoiceConverter":
    """Load the model on its device. ModelError in one line; ConfigError for wrong values in
    `environ`."""
    from engine.models.card_memory import translate_load_oom
    from engine.models.device_work import resolve_device, use_threads
    from engine.models.rvc.load import load
    from engine.models.rvc.offline import VoiceConverter

    if job.threads is not None:
        use_threads(job.threads)
    device = resolve_device(job.device)
    options = OptimizationConfig.resolve(device, environ, **job.switches)
    spec = replace(job.spec, is_retrieved_on_device=options.gpu_retrieval)
    dtype = "float16" if options.fp16 else "float32"
    with translate_load_oom(spec.model, device, dtype):
        model = load(spec, device, dtype)
    return VoiceConverter(model, job.settings, options)


def facts_of(converter: "VoiceConverter") -> VoiceFacts:
    model = converter.model
    return VoiceFacts(
        **{
            name: getattr(converter, name)
            for name in ("settings", "options", "cutting", "hop", "rate_hz")
        },
        device=str(model.device),
        dtype=model.dtype_name,
        pitch=model.pitch.name,
        has_pitch=model.has_pitch,
        content=model.spec.content,
        notes=model.notes,
    )


def full_line(spans: int, size: int) -> str:
    """Error line for a batch of spans, each of `size` frames, that does not fit into memory."""
    return f"no memory for {spans} x {size * FRAME / RATE_HZ:.0f} s; choose a smaller --batch"
