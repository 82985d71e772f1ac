"""Stages in separate processes with a real model, and the division of cores."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import psutil
import pytest

from engine.jobs.video.job import VideoJob
from engine.jobs.video.run import open_job, open_stages, run_job
from engine.jobs.video.split.build import slot_fields
from engine.jobs.video.split.messages import BeginStage
from engine.jobs.video.split.split_stages import SplitStages, layout_for, shared_out
from engine.jobs.video.split.work import PainterWork, open_work
from engine.models.sd import ModelSpec
from engine.models.sd.painting import GOOD, ControlUse, Painting, Stage, accept_black_sources
from engine.sources.still import read_still
from tests.support.long_form import IS_SOAK, only_soak

WIDTH, HEIGHT = 96, 64
TINY = ModelSpec(model="random:tiny")


@pytest.fixture(scope="module")
def whole() -> PainterWork:
    """The result of one process with the whole model."""
    return open_work(begin_of("whole"))


def job(spec: ModelSpec, **options: Any) -> VideoJob:
    painting = Painting(spec=spec, prompt="glass", steps=4, strength=0.5, seed=3)
    places = {"source": "", "output": ""}
    return VideoJob(painting=painting, batch=2, device="cpu", threads=1, **places | options)


def begin_of(role: Stage, spec: ModelSpec = TINY) -> BeginStage:
    return msgspec.structs.replace(layout_for(job(spec), (WIDTH, HEIGHT)).begin, role=role)


def pixels(count: int) -> list[np.ndarray]:
    """`count` batches; one picture in the last is black."""
    random = np.random.default_rng(0)
    given = [random.integers(0, 255, (2, HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(count)]
    given[-1][1] = 0
    return given


def test_a_process_with_all_three_stages_reports_their_seconds_separately(whole: PainterWork) -> None:
    assert (whole.ready.device, whole.ready.dtype, whole.ready.real_steps) == ("cpu", "float32", 2)
    made = whole({"rgb": np.full((2, HEIGHT, WIDTH, 3), 99, np.uint8)})
    assert made["rgb"].shape == (2, HEIGHT, WIDTH, 3) and made["fates"].tolist() == [GOOD, GOOD]
    seconds = whole.seconds(1.0)
    assert set(seconds) == {"encode", "process", "decode"} and all(each > 0 for each in seconds.values())


def test_three_stage_processes_paint_bit_identically_to_one_process(whole: PainterWork) -> None:
    encode, process, decode = (open_work(begin_of(role)) for role in ("encode", "process", "decode"))
    assert [stage.ready.real_steps for stage in (encode, process, decode)] == [0, 2, 0]
    fields = {name: (shape, np.dtype(dtype)) for name, shape, dtype in slot_fields(begin_of("encode"))}
    for rgb in pixels(2):
        expected = whole({"rgb": rgb})
        encoded = encode({"rgb": rgb})
        painted = process({"z": encoded["z"]})
        made = decode({"z": painted["z"], "fates": painted["fates"]})
        for given in (encoded, painted, made):  # as the links between their processes take them
            assert all((given[name].shape, given[name].dtype) == fields[name] for name in given)
        assert (made["rgb"] == expected["rgb"]).all()
        assert (accept_black_sources(made["fates"], made["rgb"], rgb) == expected["fates"]).all()
    assert [stage.seconds(0.5) for stage in (encode, process, decode)] == [
        {"encode": 0.5},
        {"process": 0.5},
        {"decode": 0.5},
    ]


@pytest.mark.soak
@only_soak
def test_split_stages_are_bit_identical_and_report_the_memory_of_all_processes(
    tiny_models: Any, tmp_path: Path
) -> None:
    """With one that paints: that several are dealt their batches in turn, the toys of `test_split` show. In the short
    form it does all three stages, as with every full VAE: each process takes seconds to load torch."""
    spec = TINY if IS_SOAK else ModelSpec(model=str(tiny_models.sd(vae="kl")))
    whole, count = open_work(begin_of("whole", spec)), 3 if IS_SOAK else 1
    (tmp_path / "in").mkdir()
    given = pixels(3)
    for number, picture in enumerate(np.concatenate(given)):
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), picture[..., ::-1])
    places = {"source": str(tmp_path / "in"), "output": str(tmp_path / "out")}
    asked = job(spec, pipe=1, stages="split", **places)
    opened = open_job(asked)
    chosen = open_stages(asked, opened)
    stages = chosen.stages
    assert isinstance(stages, SplitStages) and len(stages.pids) == count
    assert (stages.device, stages.dtype, stages.real_steps, stages.memory_mb()) == ("cpu", "float32", 2, None)
    assert stages.notes == list(whole.ready.notes)
    report = run_job(asked, opened, chosen)
    own_mb = psutil.Process().memory_full_info().uss / 2**20  # unshared memory only
    assert (report.painted, report.passed_through, report.memory_of) == (6, 0, "processes")
    assert [(time.name, time.workers) for time in report.times[1:-1]] == [("encode", 1), ("process", 1), ("decode", 1)]
    assert all(time.seconds > 0 for time in report.times)
    painted = [read_still(path) for path in sorted((tmp_path / "out").iterdir())]
    assert (np.stack(painted) == np.concatenate([whole({"rgb": rgb})["rgb"] for rgb in given])).all()
    assert report.peak_memory_mb > own_mb + 133 * count, "torch alone takes 300 MiB in each of them"


def test_a_full_vae_is_spread_over_the_processes_that_paint(tiny_models: Any) -> None:
    tiny, full = ModelSpec(model=str(tiny_models.sd())), ModelSpec(model=str(tiny_models.sd(vae="kl")))
    layouts = [layout_for(job(spec, pipe=3), (WIDTH, HEIGHT)) for spec in (tiny, full)]
    assert [(each.is_whole, each.count, each.sees_pixels) for each in layouts] == [(False, 3, False), (True, 3, False)]


def test_pictures_travel_on_only_to_controlnets_that_look(tiny_models: Any) -> None:
    sd = tiny_models.sd()
    spec = ModelSpec(model=str(sd), controlnets=(str(tiny_models.controlnet(sd)),))
    looking = job(spec)
    blind = replace(looking, painting=replace(looking.painting, controls=(ControlUse(scale=0.0),)))
    assert [layout_for(each, (WIDTH, HEIGHT)).sees_pixels for each in (looking, blind)] == [True, False]


@pytest.mark.parametrize(
    ("cores", "painters", "is_whole", "shares"),
    [
        (2, 1, False, (1, 1)),
        (16, 1, False, (12, 2)),
        (16, 3, False, (4, 2)),
        (16, 3, True, (5, 2)),
        (1, 4, True, (1, 1)),
    ],
)
def test_processes_share_the_cores_out(cores: int, painters: int, is_whole: bool, shares: tuple[int, int]) -> None:
    assert shared_out(cores, painters, is_whole=is_whole) == shares
