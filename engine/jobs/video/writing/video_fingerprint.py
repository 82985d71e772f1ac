"""The fingerprint of a video job: everything that affects its output."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av

from engine.errors import ModelError
from engine.jobs.kit.fingerprint import (
    Fingerprint,
    difference,
    digest,
    digest_of_files,
    fingerprint_of,
    model_files,
)
from engine.jobs.video.job import VideoJob
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.spec import VAE_WORDS
from engine.sources.pictures import Pictures
from engine.system.package_version import package_version

LIVE = "a live source"
# May differ, with a note: torch does not guarantee identical last bits when another number of threads shares a sum.
# --pipe and --stages change the threads per process too, but may differ without a note: with little memory there are
# fewer processes, `auto` chooses again for each run, and with 1 to 16 threads layers as large as Stable Diffusion's
# gave identical bits (torch 2.13, float32).
THREADS = "--threads"
# Options whose name differs from the painting's field.
OPTIONS = {
    "loras": "--lora",
    "lora_weights": "--lora",
    "controlnets": "--controlnet",
    "controls": "--controlnet",
    "ip_image": "--ip-image",
    "ip_adapter": "--ip-adapter",
    "ip_scale": "--ip-scale",
    "image_encoder": "--ip-adapter",
    "embeddings": "--embedding",
    "clip_skip": "--clip-skip",
    "model_sampler": "--sampler",
    "accelerator": "--inductor, --deepcache or --stablefast",
}


def video_fingerprint(job: VideoJob, pictures: Pictures, size: tuple[int, int]) -> Fingerprint:
    painting = asdict(job.painting)
    spec = painting.pop("spec")
    spec["model_sampler"] = spec.pop("sampler")  # from the configuration file; used if the job names none
    values: dict[str, Any] = {
        "the source": _source_key(pictures),
        "--recursive": job.recursive or None,
        "the size": f"{size[0]}x{size[1]}",
        **{f"{OPTIONS.get(name, f'--{name}')}|{name}": value for name, value in (spec | painting).items()},
        **_model_key(job),
        "--skip": job.skip,
        "--batch": job.batch,
        "--limit": job.limit,
        "--device": job.device,
        "--dtype": job.dtype,
        THREADS: job.threads,
        "the kind of output": Path(job.output).suffix.lower(),
        "the encoder": av.__version__,
        "--no-metadata": not job.metadata or None,
        "the version of multiverse": package_version() if job.metadata else None,
        LIVE: pictures.kind == "live" or None,
    }
    return fingerprint_of(values)


def rounding_note(before: Fingerprint, now: Fingerprint) -> str:
    """A note if the run is resumed with another number of threads, else ""."""
    if before.get(THREADS) == now.get(THREADS):
        return ""
    change = difference(before.get(THREADS), now.get(THREADS))
    return f"{THREADS} {change}: pictures from here on may differ by rounding"


def _source_key(pictures: Pictures) -> str:
    if not pictures.files:  # an address: changed content cannot be detected
        return digest([str(pictures.path), pictures.expected])
    return digest_of_files(sorted(pictures.files))


def _model_key(job: VideoJob) -> dict[str, Any]:
    """The files that are read of the model, and the settings derived from them."""
    spec, shown = job.painting.spec, _found(job.painting.ip_image)
    plan = None
    if not spec.random_shape:
        with suppress(ModelError):  # on a cluster the model is on other machines
            plan = plan_model(spec)
    if plan is None:
        named = [
            spec.model,
            spec.vae,
            spec.unet,
            spec.ip_adapter,
            spec.image_encoder,
            *(name for name, _ in spec.loras),
        ]
        named += [*spec.controlnets, *spec.embeddings]
        return {"a file of the model": digest_of_files([*(path for name in named for path in _found(name)), *shown])}
    prediction, sampler = plan.prediction and plan.prediction.value, plan.sampler and plan.sampler.value
    return {
        "a file of the model": digest_of_files([*(file for file in plan.files if file.is_file()), *shown]),
        "how the model is run": [prediction, sampler, plan.scheduler],
    }


def _found(name: str) -> list[Path]:
    return [] if name in VAE_WORDS else model_files(name)
