"""`multiverse segment` as users start it, with a tiny model that finds bright shapes."""

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.conftest import Cli
from tests.jobs.segment.disc_movie import disc_picture, pictures_of, write_movie

COUNT = 150
SMALL = ["--prompt", "disc", "--resolution", "336", "--threads", "1"]


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = [disc_picture(number) for number in range(40)]
    return write_movie(
        tmp_path_factory.mktemp("movie") / "in.mp4", [pictures[n % 40] for n in range(COUNT)]
    )


@pytest.fixture
def home(movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `in.mp4`, a video of a moving disc."""
    shutil.copy(movie, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_configuration_names_the_model_and_json_has_the_full_report(
    home: Path, cli: Cli, seeing_sam3: Path
) -> None:
    (home / "show.toml").write_text(f"[sam3]\nmodel = '{seeing_sam3}'\ndevice = 'cpu'\n")
    command = [
        "segment",
        "in.mp4",
        "out.mp4",
        "masks/",
        "out.json",
        *SMALL,
        "--config",
        "show.toml",
        "--frames",
        "4",
    ]
    code, out, err = cli(*command, "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["read"], report["written"], report["objects"], report["identities"]) == (
        4,
        4,
        4,
        1,
    )
    assert (report["mode"], report["resolution"], report["device"], report["dtype"]) == (
        "track",
        336,
        "cpu",
        "float32",
    )
    assert (
        report["outputs"] == ["out.mp4", "masks", "out.json"] and report["is_interrupted"] is False
    )
    names = list(report["stages"])
    assert (names[0], names[-1]) == ("read (wait)", "write (wait)")
    assert {"preprocess", "backbone", "decoder"} < set(names)
    assert {"fps", "seconds", "load_s", "peak_memory_mb", "first_batch_s", "hidden_ms"} < set(
        report
    )
    assert len(pictures_of(home / "out.mp4")) == len(list((home / "masks").iterdir())) == 4
    assert {
        each["track_id"] for each in json.loads((home / "out.json").read_text())["annotations"]
    } == {1}


def test_ctrl_c_keeps_a_video_that_plays(
    home: Path, cli: Cli, ctrl_c_when: Any, seeing_sam3: Path
) -> None:
    command = [
        "segment",
        "in.mp4",
        "out.mp4",
        "masks",
        *SMALL,
        "--mode",
        "image",
        "--model",
        seeing_sam3,
    ]
    with ctrl_c_when((home / "masks" / "frame_000002.png").exists):
        code, out, err = cli(*command)
    count = len(list((home / "masks").iterdir()))
    assert 3 <= count < COUNT
    assert len(pictures_of(home / "out.mp4")) == count
    assert code == 1
    on_a_slow_machine = "no picture yet", " a second"
    messages = [
        line for line in err.splitlines() if not any(part in line for part in on_a_slow_machine)
    ]
    outcome = "out.mp4, masks: kept up to there, the same command with --resume continues"
    assert messages == [f"multiverse: interrupted after {count} pictures; {outcome}"]
    table = out.splitlines()
    assert table[0].split() == ["stage", "ms", "a", "frame", "share"]
    assert [line.split("  ")[0] for line in table[1:4]] == ["read (wait)", "preprocess", "backbone"]
    assert any(line.startswith("total") and line.endswith("100.0 %") for line in table)
    assert table[-2:] == ["wrote         out.mp4", "wrote         masks"]
    assert sorted(file.name for file in home.iterdir()) == [
        ".out.mp4.segment",
        "in.mp4",
        "masks",
        "out.mp4",
    ]


@pytest.mark.parametrize(
    "module",
    ["load", "multiplex_tracker"],
    ids=["while the model loads", "before the first picture"],
)
def test_ctrl_c_before_the_first_picture_is_reported_and_leaves_no_files(
    module: str, home: Path, cli: Cli, ctrl_c_at: Callable[[str], None], seeing_sam3: Path
) -> None:
    ctrl_c_at(f"engine.models.sam3.{module}")
    done = cli(
        "segment", "in.mp4", "out.mp4", "masks", *SMALL, "--mode", "track", "--model", seeing_sam3
    )
    assert (done.code, done.out) == (1, "")
    # on a slow machine
    messages = [line for line in done.err.splitlines() if "no picture yet" not in line]
    assert messages == ["multiverse: interrupted before the first picture; nothing was written"]
    assert [file.name for file in home.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (
            "in.mp4 out.mp4 --model m",
            2,
            'no prompt: say what to find, for example --prompt "person"',
        ),
        ("in.mp4 out.mp4 --prompt x", 2, "no model: name one with --model"),
        ("in.mp4 out.mp4 --prompt x --model nowhere", 1, "nowhere: no such file or folder"),
        ("in.mp4 out.gif --prompt x --model m", 2, "out.gif: an output is a video"),
        ("in.mp4 in.mp4 --prompt x --model m", 2, "in.mp4: is the input"),
        (
            "in.mp4 a.mp4 --model m --box 0.5,0.5,0.1,0.1 --mode track",
            2,
            "--box: tracking takes no boxes; give",
        ),
        ("in.mp4 a.mp4 --model m --box 1,2", 2, "--box: '1,2' is not CX,CY,W,H"),
        (
            "in.mp4 a.mp4 --model facebook/sam3 --prompt x",
            1,
            "facebook/sam3: not in the Hugging Face",
        ),
    ],
)
def test_invalid_input_is_an_error_of_one_line(
    arguments: str, code: int, reason: str, home: Path, cli: Cli
) -> None:
    answer, _, err = cli("segment", *arguments.split())
    assert answer == code and err.startswith(f"multiverse: {reason}") and err.count("\n") == 1


@pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is not None, reason="torchvision is here"
)
def test_a_box_without_torchvision_is_one_line_before_the_model_is_loaded(
    home: Path, cli: Cli, seeing_sam3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "engine.models.sam3.load", None)  # importing it fails
    Image.fromarray(disc_picture(0)).save(home / "in.png")
    command = [
        "segment",
        "in.png",
        "out.png",
        *SMALL,
        "--box",
        "0.25,0.5,0.2,0.3",
        "--model",
        str(seeing_sam3),
    ]
    code, _, err = cli(*command)
    # on a slow machine
    messages = [line for line in err.splitlines() if "no picture yet" not in line]
    assert (code, len(messages)) == (1, 1)
    assert messages[0].startswith("multiverse: box prompts: need torchvision")
    assert sorted(file.name for file in home.iterdir()) == ["in.mp4", "in.png"]
