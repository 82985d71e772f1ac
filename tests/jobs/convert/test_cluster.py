"""Conversion on a cluster: the bytes of a local run, also if actors die or it stops midway.

On a real Ray: tests/jobs/test_on_ray.py.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UsageError
from engine.jobs.convert.job import ConvertJob
from engine.jobs.convert.on_cluster import VoiceWorker
from engine.jobs.convert.report import ConvertReport
from engine.jobs.convert.run import load_voice, open_job, run_job
from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.offline import VoiceConverter
from engine.models.rvc.optimization import OptimizationConfig
from tests.jobs.convert.conftest import CUTTING
from tests.jobs.convert.voices import spoken, write_sound
from tests.jobs.folders import contents
from tests.jobs.kit.fake_ray import use_fake_ray

LENGTHS_S = (1.8, 0.5, 1.6)  # several spans, one, several
LOST = "an actor on host{} was lost: its process was killed or crashed"
Convert = Callable[..., ConvertReport]


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    (tmp_path / "in").mkdir()
    return [
        write_sound(tmp_path / "in" / f"{number}.wav", spoken(seconds))
        for number, seconds in enumerate(LENGTHS_S)
    ]


@pytest.fixture
def job(voice: VoiceSpec, sources: list[Path], tmp_path: Path) -> ConvertJob:
    return ConvertJob(
        sources=tuple(sources),
        output=f"{tmp_path / 'far'}/",
        spec=voice,
        settings=VoiceSettings(pitch=12),
        cluster="auto",
        threads=1,
        device="cpu",
        batch_size=2,
    )


@pytest.fixture
def fake_ray(model: Any, job: ConvertJob, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    options = OptimizationConfig.resolve("cpu", {}, batch_size=2)
    return lambda **resources: use_fake_ray(
        monkeypatch,
        lambda: VoiceWorker(VoiceConverter(model, job.settings, options, cutting=CUTTING)),
        **resources,
    )


def on_cluster(job: ConvertJob, **options: Any) -> ConvertReport:
    work = open_job(job)
    return run_job(job, work, load_voice(job, work, {}), **options)


def test_the_files_are_those_of_a_local_run_if_an_actor_dies(
    convert: Convert, sources: list[Path], job: ConvertJob, fake_ray: Any, tmp_path: Path
) -> None:
    convert(*sources, f"{tmp_path / 'local'}/", batch_size=2)
    ray = fake_ray(deadly_call=1)
    report = on_cluster(job)
    assert contents(tmp_path / "far") == contents(tmp_path / "local")
    assert report.is_complete and report.sound_s == pytest.approx(sum(LENGTHS_S), abs=0.1)
    assert any(LOST.format(number) in report.notes for number in (0, 1)) and len(ray.handles) == 3
    assert report.notes[0].startswith("converted by ") and report.batch_size == 2
    assert all(handle.is_killed for handle in ray.handles)


def test_options_of_a_local_run_are_refused_on_a_cluster(job: ConvertJob) -> None:
    for options in ({"gpu_filter": True}, {"profiling": True}):
        with pytest.raises(
            UsageError, match=r"^--cluster: .*leave out --gpu-filter and --profile$"
        ):
            replace(job, **options).check()
