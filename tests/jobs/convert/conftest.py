"""One voice for all tests here: it outputs a sine at the given pitch, with short windows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.jobs.convert.job import ConvertJob
from engine.jobs.convert.report import ConvertReport
from engine.jobs.convert.run import open_job, run_job
from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.cutting import CutLengths
from engine.models.rvc.optimization import OptimizationConfig

CUTTING = CutLengths(pad_s=0.2, query_s=0.2, center_s=1.0, max_s=1.5)


@pytest.fixture(scope="session")
def voice(singing_voice: Path, tmp_path_factory: pytest.TempPathFactory) -> VoiceSpec:
    """The singing voice as safetensors: each job reads the list of its tensors, which takes 0.1 s
    from a pickle."""
    import torch
    from safetensors.torch import save_file

    file = tmp_path_factory.mktemp("voice") / "voice.safetensors"
    stored = torch.load(singing_voice / "voice.pth", weights_only=True)
    metadata = {
        "config": json.dumps(stored["config"]),
        "version": stored["version"],
        "f0": str(stored["f0"]),
    }
    save_file(stored["weight"], file, metadata=metadata)
    return VoiceSpec(model=str(file), content=str(singing_voice / "content"), pitch="yin")


@pytest.fixture(scope="session")
def model(voice: VoiceSpec) -> Any:
    from engine.models.rvc.load import load

    return load(voice, "cpu", "float32")


@pytest.fixture
def convert(voice: VoiceSpec, model: Any) -> Callable[..., ConvertReport]:
    """`convert(*sources, output, batch_size=..., on_progress=..., stop=..., **job)` runs the whole
    job but the loading; an octave higher unless `settings` say otherwise. `as_it_converts()` is
    called before each batch."""

    def run(
        *paths: Path | str,
        batch_size: int = 1,
        on_progress: Any = lambda progress: None,
        on_file: Any = lambda report: None,
        stop: Any = None,
        as_it_converts: Callable[[], None] = lambda: None,
        **options: Any,
    ) -> ConvertReport:
        from engine.models.rvc.offline import VoiceConverter

        class ObservedConverter(VoiceConverter):
            def convert(self, pieces: Any) -> Any:
                as_it_converts()
                return super().convert(pieces)

        job = ConvertJob(
            sources=tuple(map(Path, paths[:-1])),
            output=str(paths[-1]),
            spec=voice,
            **{"settings": VoiceSettings(pitch=12), "device": "cpu"} | options,
        )
        config = OptimizationConfig.resolve("cpu", {}, batch_size=batch_size)
        converter = ObservedConverter(model, job.settings, config, cutting=CUTTING)
        work = open_job(job, on_file=on_file)
        return run_job(job, work, converter, on_progress=on_progress, on_file=on_file, stop=stop)

    return run
