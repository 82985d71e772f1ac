"""File names that are not UTF-8: every command accepts, creates and prints them, even in ASCII."""

import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Cli, CliResult
from tests.jobs.convert.voices import spoken, write_sound
from tests.jobs.segment.disc_movie import disc_picture, write_movie

pytestmark = pytest.mark.only_on("linux", reason="names there are Unicode")

ODD = "\udcff\udce9é"  # how Python names bytes in Latin-1, then a letter in UTF-8
ESCAPED = "\\udcff\\udce9\\xe9"


@pytest.fixture
def cli(cli: Cli) -> Cli:
    """Runs a command on a terminal that has only ASCII, as with LC_ALL=C."""

    def start(*arguments: object) -> CliResult:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(encoding="ascii")  # type: ignore[union-attr]  # a TextIOWrapper here
        return cli(*arguments)

    return start


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, whose own name is not UTF-8."""
    folder = tmp_path / f"here {ODD}"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_segment(home: Path, cli: Cli, seeing_sam3: Path) -> None:
    discs = [disc_picture(number) for number in range(2)]
    movie = write_movie(home / f"in{ODD}.mp4", discs, pixel_format="yuv420p10le")
    outputs = [f"out{ODD}.mp4", f"out{ODD}.json", f"masks{ODD}/"]
    small = [
        "--prompt",
        "disc",
        "--resolution",
        "336",
        "--threads",
        "1",
        "--device",
        "cpu",
        "--mode",
        "image",
    ]
    options = [*small, "--model", seeing_sam3]
    code, out, err = cli("segment", movie, *outputs, *options, "--json")
    assert (code, err) == (0, f"multiverse: in{ESCAPED}.mp4: 10 bits a colour are reduced to 8\n")
    assert json.loads(out)["outputs"] == [f"out{ODD}.mp4", f"out{ODD}.json", f"masks{ODD}"]
    assert all(Path(output).exists() for output in outputs)
    code, out, err = cli("segment", movie, *outputs, *options, "--overwrite")
    assert code == 0 and f"wrote         out{ESCAPED}.mp4" in out.splitlines()


def test_convert(home: Path, cli: Cli, singing_voice: Path) -> None:
    songs = home / f"songs{ODD}"
    songs.mkdir()
    write_sound(home.parent / "song.wav", spoken(0.2)).rename(songs / f"song{ODD}.wav")
    write_sound(home.parent / "other.ogg", spoken(0.2)).rename(songs / "other.ogg")
    voice = (
        "--model",
        singing_voice / "voice.pth",
        "--content",
        singing_voice / "content",
        "--f0",
        "yin",
    )
    code, out, err = cli(
        "convert", songs, f"out{ODD}/", *voice, "--device", "cpu", "--threads", "1"
    )
    assert (code, err) == (0, "multiverse: index: voice.index (it has the voice's name)\n")
    assert sorted(os.listdir(f"out{ODD}")) == ["other.ogg", f"song{ODD}.wav"]
    assert f"wrote       out{ESCAPED}/song{ESCAPED}.wav" in out.splitlines()


def test_sd_and_model_check(home: Path, cli: Cli, tiny_sd: Path) -> None:
    Image.fromarray(disc_picture(0)).save(home / f"in{ODD}.png")
    small = ["--size", "64x64", "--prompt", "sea", "--device", "cpu"]
    code, out, err = cli("sd", f"in{ODD}.png", f"new/out{ODD}.webp", *small, "--model", tiny_sd)
    assert code == 0 and err.startswith(f"SD: {tiny_sd}, lcm (") and err.count("\n") == 1
    assert out.startswith(f"new/out{ESCAPED}.webp  (64x64") and os.listdir("new") == [
        f"out{ODD}.webp"
    ]
    model = home / f"model{ODD}"
    model.symlink_to(tiny_sd)
    for command in (
        ["sd", f"in{ODD}.png", "new.png", *small, "--model", model],
        ["model", "check", model, "--json"],
    ):
        code, out, err = cli(*command)
        assert code == 1 and err.count("\n") == 1
        assert (
            err.startswith("multiverse: ")
            and f"model{ESCAPED}: the path of a model must be UTF-8" in err
        )


def test_video(home: Path, cli: Cli, tiny_sd: Path) -> None:
    frames = home / f"in{ODD}"
    frames.mkdir()
    for name in (f"a{ODD}.png", "b.png"):
        Image.fromarray(disc_picture(0, 64, 64, 12)).save(frames / name)
    quick = "--prompt glass --steps 2 --cfg 1 --device cpu --threads 1 --model".split()
    code, out, err = cli("video", frames, f"out{ODD}.mkv", *quick, tiny_sd)
    assert code == 0 and err.startswith(f"SD: {tiny_sd}, lcm (") and err.count("\n") == 1
    assert f"wrote     out{ESCAPED}.mkv" in out.splitlines() and Path(f"out{ODD}.mkv").exists()
    code, out, err = cli("video", frames, f"new/frames{ODD}/", *quick, tiny_sd, "--json")
    assert json.loads(out.splitlines()[-1])["output"] == f"new/frames{ODD}"
    assert sorted(os.listdir(f"new/frames{ODD}")) == sorted([f"a{ODD}.png", "b.png"])


def test_dataset(home: Path, cli: Cli) -> None:
    options = (
        "--count 1 --width 64 --height 64 --empty-share 1 --camera-effects none --engine raster"
    )
    small = options.split()
    code, out, err = cli("dataset", f"out{ODD}", *small, "--json")
    assert (code, err) == (0, "") and json.loads(out)["folder"].endswith(f"out{ODD}")
