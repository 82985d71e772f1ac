"""`multiverse sd` and `multiverse model check` as users start them, with a tiny model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.cli.sd import PictureOptions
from engine.cli.video import PaintingOptions
from engine.jobs.video.job import VideoJob
from engine.models.sd import ModelSpec
from engine.models.sd.painting import Painting
from tests.cli.conftest import Cli
from tests.conftest import TinyModels

SMALL = ["--size", "128x64", "--prompt", "sea", "--device", "cpu"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `in.png`, 96 x 96."""
    blocks = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(blocks.repeat(8, axis=0).repeat(8, axis=1)).save(tmp_path / "in.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_sd_paints_the_same_picture_as_the_library(
    home: Path, cli: Any, tiny_sd: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.png").write_text("of before")
    done = cli(
        "sd",
        "in.png",
        "out.png",
        *SMALL,
        "--model",
        tiny_sd,
        "--seed",
        "3",
        "--overwrite",
        "--json",
    )
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert (report["width"], report["height"], report["seed"], report["sampler"]) == (
        128,
        64,
        3,
        "lcm",
    )
    assert (report["steps_asked"], report["steps"]) == (4, 2)
    assert np.array_equal(
        np.asarray(Image.open(tmp_path / "out.png")), painted(tiny_sd, tmp_path / "in.png")
    )
    with Image.open("out.png") as picture:
        parameters = picture.info["parameters"]
    assert parameters.startswith("sea\nSteps: 4, Sampler: lcm, CFG scale: ")
    values = (
        "Seed: 3, Size: 128x64, Model: sd, Denoising strength: 0.5, Precision: float32, "
        "Version: multiverse "
    )
    assert f", {values}" in parameters
    assert str(tiny_sd.parent) not in parameters
    done = cli(
        "sd", "in.png", "plain.png", *SMALL, "--model", tiny_sd, "--seed", "3", "--no-metadata"
    )
    with Image.open("plain.png") as picture:
        assert (done.code, picture.info) == (0, {})
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["in.png", "out.png", "plain.png"]


def test_the_sampler_and_an_option_without_effect_are_reported(
    home: Path, cli: Cli, tiny_sd: Path
) -> None:
    options = ["--model", tiny_sd, "--sampler", "lightning", "--negative", "fog", "--overwrite"]
    code, _, err = cli("sd", "in.png", "out.png", *SMALL, *options)
    assert code == 0
    first, second = err.splitlines()
    assert first.startswith(f"SD: {tiny_sd}, lightning (asked for), epsilon (")
    assert first.endswith("), 4 steps, cfg 1, cpu float32")
    assert second == "multiverse: --negative: has no effect: it needs a guidance above 1"
    more = [*options, "--guidance", "1.5", "--prediction", "v", "--json"]
    report = json.loads(cli("sd", "in.png", "out.png", *SMALL, *more).out)
    assert (report["sampler"], report["sampler_reason"], report["guidance"]) == (
        "lightning",
        "asked for",
        1.5,
    )
    assert not any("no effect" in note for note in report["notes"])
    assert (report["prediction_type"], report["prediction_reason"]) == ("v_prediction", "asked for")


def test_a_picture_has_the_size_and_seed_that_video_would_give_it(
    home: Path, cli: Cli, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PictureOptions().seed == PaintingOptions().seed
    monkeypatch.setattr("engine.cli.sd.MAX_OWN_SIDE_PX", 120)
    job = VideoJob(source="", output="", painting=Painting(spec=ModelSpec(model="m"), prompt=""))
    large = "in.png is larger than 120 px: painted at 120x64; --size sets another"
    for size, expected, notes in (
        ((100, 77), job.size_for(100, 77), []),
        ((480, 200), (120, 64), [large]),
    ):
        Image.new("RGB", size, (200, 90, 30)).save("in.png")
        done = cli(
            "sd", "in.png", "out.png", *SMALL[2:], "--model", tiny_sd, "--overwrite", "--json"
        )
        report = json.loads(done.out)
        assert (report["width"], report["height"]) == expected
        assert [note for note in report["notes"] if "in.png" in note] == notes
    Image.new("RGBA", (64, 64), (200, 90, 30, 9)).save("in.png")
    done = cli("sd", "in.png", "out.png", *SMALL[2:], "--model", tiny_sd, "--overwrite")
    assert "multiverse: in.png: what is transparent becomes black\n" in done.err


def painted(model: Path, image: Path) -> np.ndarray:
    from engine.models.sd import ModelSpec
    from engine.models.sd.load import load
    from engine.models.sd.single import paint

    options = {"prompt": "sea", "steps": 4, "strength": 0.5, "seed": 3, "width": 128, "height": 64}
    return paint(
        load(ModelSpec(model=str(model)), "cpu", "float32"), np.array(Image.open(image)), **options
    )


def test_a_configuration_sets_model_and_options(
    home: Path, cli: Cli, tiny_sd: Path, tiny_models: TinyModels
) -> None:
    lora, controlnet = tiny_models.lora(tiny_sd), tiny_models.controlnet(tiny_sd)
    (home / "show.toml").write_text(
        f"[sd]\nmodel = '{tiny_sd}'\ncontrolnets = ['{controlnet}']\n[[sd.loras]]\npath = "
        f"'{lora}'\n"
    )
    code, out, err = cli("sd", "in.png", "configured.jpg", *SMALL, "--config", "show.toml")
    assert code == 0 and err.startswith(f"SD: {tiny_sd}, lcm (") and err.count("\n") == 1
    assert "configured.jpg  (128x64, seed 1, " in out
    with Image.open(home / "configured.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (128, 64))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("out.png", "no model: name one with --model (a diffusers folder, a .safetensors file or"),
        ("out.png --model nowhere", "nowhere: no such file or folder"),
        ("out.png --model m --size 100x64", "--size: 100x64: both sides must be multiples of 8"),
        ("out.png --model m --lora a=b", "--lora: 'b' in 'a=b' is not a number"),
        ("out.png --model m --ip-adapter x", "--ip-adapter PATH and --ip-image FILE belong"),
        ("old.png --model m", "old.png: exists already; --overwrite replaces it"),
        ("out.gif --model m", "out.gif: the name must end in .png, .jpg, .jpeg"),
        ("- --model m", "-: stdin and stdout are not supported"),
        ("in.png/out.png --model m", "in.png"),
    ],
)
def test_missing_and_invalid_input_is_an_error_of_one_line_before_anything_is_loaded(
    arguments: str, reason: str, cli: Any, home: Path
) -> None:
    (home / "old.png").write_text("precious")
    code, _, err = cli("sd", "in.png", "--prompt", "sea", *arguments.split())
    assert code in (1, 2) and err.startswith(f"multiverse: {reason}") and err.count("\n") == 1
    assert (home / "old.png").read_text() == "precious"


def test_a_check_identifies_a_model(tiny_sd: Path, cli: Cli) -> None:
    report = json.loads(cli("model", "check", str(tiny_sd), "--json").out)
    assert (report["family"], report["is_complete"]) == ("sd15", True)
    assert report["memory_bytes"]["float32"] == 2 * report["memory_bytes"]["float16"] > 0
