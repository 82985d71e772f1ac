"""What stages in processes of their own do with a real model, and how they share the cores out."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.models.diffusion import ModelSpec
from engine.models.diffusion.painting import GOOD, ControlUse, Painting, Stage, pardoned
from engine.video.batches import VideoBatch
from engine.video.job import VideoJob
from engine.video.split.letters import BeginStage
from engine.video.split.split_stages import SplitStages, layout_for, shared_out
from engine.video.split.work import PainterWork, open_work


@pytest.fixture(scope="module")
def whole() -> PainterWork:
    """What one process does that has all of the model."""
    return open_work(begin_of("whole"))


def job(spec: ModelSpec, **options: Any) -> VideoJob:
    painting = Painting(spec=spec, prompt="glass", steps=4, strength=0.5, seed=3)
    return VideoJob(source="", output="", painting=painting, batch=2, device="cpu", threads=1, **options)


def begin_of(role: Stage) -> BeginStage:
    return msgspec.structs.replace(layout_for(job(ModelSpec(model="random:tiny")), (64, 48)).begin, role=role)


def pixels(count: int) -> list[np.ndarray]:
    """So many batches; a picture in the last is black."""
    random = np.random.default_rng(0)
    given = [random.integers(0, 255, (2, 48, 64, 3), dtype=np.uint8) for _ in range(count)]
    given[-1][1] = 0
    return given


def test_a_process_that_does_all_three_stages_tells_their_seconds_apart(whole: PainterWork) -> None:
    assert (whole.ready.device, whole.ready.dtype, whole.ready.real_steps) == ("cpu", "float32", 2)
    made = whole({"rgb": np.full((2, 48, 64, 3), 99, np.uint8)})
    assert made["rgb"].shape == (2, 48, 64, 3) and made["fates"].tolist() == [GOOD, GOOD]
    seconds = whole.seconds(1.0)
    assert set(seconds) == {"encode", "process", "decode"} and all(each > 0 for each in seconds.values())


def test_three_stages_one_after_the_other_paint_what_one_process_paints_bit_for_bit(whole: PainterWork) -> None:
    encode, process, decode = (open_work(begin_of(role)) for role in ("encode", "process", "decode"))
    assert [stage.ready.real_steps for stage in (encode, process, decode)] == [0, 2, 0]
    for rgb in pixels(2):
        expected = whole({"rgb": rgb})
        encoded = encode({"rgb": rgb})
        painted = process({"z": encoded["z"]})
        made = decode({"z": painted["z"], "fates": painted["fates"]})
        assert (made["rgb"] == expected["rgb"]).all()
        assert (pardoned(made["fates"], made["rgb"], rgb) == expected["fates"]).all()
    assert [stage.seconds(0.5) for stage in (encode, process, decode)] == [
        {"encode": 0.5},
        {"process": 0.5},
        {"decode": 0.5},
    ]


def test_a_process_of_its_own_paints_what_this_one_paints_bit_for_bit(tiny_models: Any) -> None:
    asked = job(ModelSpec(model=str(tiny_models.sd(vae="kl")), vae="full"))
    here = open_work(layout_for(asked, (64, 48)).begin)
    given = [VideoBatch(number=number, pictures=(), pixels=rgb) for number, rgb in enumerate(pixels(3))]
    stages = SplitStages(asked, (64, 48))
    try:
        assert (stages.device, stages.dtype, stages.real_steps, stages.notes) == ("cpu", "float32", 2, [])
        assert stages.memory_mb() is None and len(stages.pids) == 1
        for each, source in zip(stages.paint(iter(given)), given, strict=True):
            expected = here({"rgb": source.pixels})
            assert each.batch is source
            assert (each.pixels == expected["rgb"]).all() and (each.fates == expected["fates"]).all()
        assert [time.name for time in stages.times()] == ["encode", "process", "decode"]
        assert all(time.seconds > 0 for time in stages.times())
    finally:
        stages.close()


def test_a_full_vae_is_spread_over_the_processes_that_paint(tiny_models: Any) -> None:
    tiny, full = ModelSpec(model=str(tiny_models.sd())), ModelSpec(model=str(tiny_models.sd(vae="kl")))
    layouts = [layout_for(job(spec, pipe=3), (64, 48)) for spec in (tiny, full)]
    assert [(each.is_whole, each.count, each.sees_pixels) for each in layouts] == [(False, 3, False), (True, 3, False)]


def test_pictures_travel_on_only_to_controlnets_that_look(tiny_models: Any) -> None:
    sd = tiny_models.sd()
    spec = ModelSpec(model=str(sd), controlnets=(str(tiny_models.controlnet(sd)),))
    looking = job(spec)
    blind = replace(looking, painting=replace(looking.painting, controls=(ControlUse(scale=0.0),)))
    assert [layout_for(each, (64, 48)).sees_pixels for each in (looking, blind)] == [True, False]


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
