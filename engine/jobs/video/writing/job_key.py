"""By what an interrupted run is known again: all that decides what comes out."""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av

from engine.errors import ModelError
from engine.jobs.video.job import VideoJob
from engine.models import locate
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.spec import VAE_WORDS
from engine.sources.pictures import PICTURE_SUFFIXES, Pictures
from engine.system.work_folder import file_key

MAX_SHOWN = 40  # characters of a value in a message
LIVE = "a live source"
# Kept, and free to change: torch does not promise the same last bits when other counts of threads share a sum, so that
# it is told. --pipe and --stages share the cores out too, and are free without a word: a full memory asks for fewer
# processes, `auto` chooses anew for each run, and from 1 to 16 threads layers as large as Stable Diffusion's gave the
# same bits (torch 2.13, float32).
THREADS = "--threads"
# What a part of a painting is called on the command line, where that is not its own name.
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


def job_key(job: VideoJob, pictures: Pictures, size: tuple[int, int]) -> dict[str, Any]:
    """Plain values by the name that a message gives them, as JSON has them."""
    painting = asdict(job.painting)
    spec = painting.pop("spec")
    spec["model_sampler"] = spec.pop("sampler")  # of the configuration: in force where the job itself asks for none
    key = {
        "the source": _source_key(pictures),
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
        LIVE: pictures.kind == "live" or None,
    }
    plain: dict[str, Any] = json.loads(json.dumps(key))  # a tuple is a list there
    return plain


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """`--steps was 5, is 20, the source has changed`; "" where they are equal."""
    found = {}
    for name in [*now, *(name for name in before if name not in now)]:
        one, other = before.get(name), now.get(name)
        if one != other and name != THREADS:
            found[name.partition("|")[0]] = _difference(one, other)
    return ", ".join(f"{name} {difference}" for name, difference in found.items())


def rounding_note(before: dict[str, Any], now: dict[str, Any]) -> str:
    """What is said of a run that goes on with another number of threads; "" where it is the same."""
    if before.get(THREADS) == now.get(THREADS):
        return ""
    difference = _difference(before.get(THREADS), now.get(THREADS))
    return f"{THREADS} {difference}: what is painted from here on may differ by rounding"


def _difference(before: Any, now: Any) -> str:
    values = [
        "not given" if value is None else value if isinstance(value, str) and value else json.dumps(value)
        for value in (before, now)
    ]
    is_told = all(len(value) <= MAX_SHOWN for value in values) and not isinstance(now, list | dict)
    return f"was {values[0]}, is {values[1]}" if is_told else "has changed"


def picture_files(source: Path | str) -> list[Path]:
    """Pictures that are read of a folder, or the one; none of what is no picture."""
    if isinstance(source, str):
        return []
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    return [file for file in files if file.suffix.lower() in PICTURE_SUFFIXES]


def _source_key(pictures: Pictures) -> str:
    path = pictures.path
    if isinstance(path, str):  # an address: whether what lies there has changed is not known
        return _digest([path, pictures.expected])
    return _files_key(picture_files(path) if path.is_dir() else [path])


def _model_key(job: VideoJob) -> dict[str, Any]:
    """Of all that is read of the model, and of what was decided by it: another file found by itself is another key."""
    spec, shown = job.painting.spec, _found(job.painting.ip_image)
    plan = None
    if not spec.random_shape:
        with suppress(ModelError):  # on a cluster it lies on other machines
            plan = plan_model(spec)
    if plan is None:
        named = [spec.model, spec.vae, spec.ip_adapter, spec.image_encoder, *(name for name, _ in spec.loras)]
        named += [*spec.controlnets, *spec.embeddings]
        return {"a file of the model": _files_key([*(path for name in named for path in _found(name)), *shown])}
    prediction, sampler = plan.prediction and plan.prediction.value, plan.sampler and plan.sampler.value
    return {
        "a file of the model": _files_key([*(file for file in plan.files if file.is_file()), *shown]),
        "how the model is run": [prediction, sampler, plan.scheduler],
    }


def _found(name: str) -> list[Path]:
    """None where it is not here: on a cluster a model lies on other machines."""
    if not name or name in VAE_WORDS:
        return []
    try:
        return [locate.find(name)]
    except ModelError:
        return []


def _files_key(paths: Iterable[Path]) -> str:
    """Of files, and of all that lies in folders."""
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return _digest([file_key(file) for file in files if file.is_file()])


def _digest(values: list[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
