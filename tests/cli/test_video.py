"""`multiverse video` as users start it, with a tiny model."""

import json
import re
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from engine.jobs.video.writing.segmented_video import SEGMENT_PICTURES
from engine.sources.still import read_still
from tests.cli.conftest import Cli
from tests.jobs.segment.disc_movie import disc_picture, pictures_of, write_movie

STARTS_OVER = "starts over: too few pictures to continue from"
COUNT = (
    24  # of four steps each: long enough for another thread to interrupt, even on a busy machine
)
QUICK = ["--prompt", "glass", "--steps", "2", "--cfg", "1", "--device", "cpu", "--threads", "1"]
Run = Cli


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `in.mp4`: ten pictures of a moving disc, 96 x 64."""
    write_movie(tmp_path / "in.mp4", [disc_picture(number, 96, 64, 12) for number in range(10)])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(home: Path, cli: Cli) -> Run:
    """Run the command in this process: exit code, stdout, stderr."""
    return partial(cli, "video")


def test_a_video_is_painted_and_the_last_line_is_the_originals(
    run: Run, tiny_sd: Path, home: Path
) -> None:
    code, out, err = run(
        "in.mp4", "out.mp4", *QUICK, "--model", tiny_sd, "--batch", "4", "--every", "2"
    )
    assert code == 0
    chosen = (
        "lcm (the scheduler's configuration: LCMScheduler), epsilon (the scheduler's configuration)"
    )
    assert err == f"SD: {tiny_sd}, {chosen}, 2 steps, cfg 1\n"
    assert len(pictures_of(home / "out.mp4")) == 5
    lines = out.splitlines()
    assert lines[0].split() == ["stage", "frames", "seconds", "busy", "ms", "a", "frame"]
    assert [line.split()[:2] for line in lines[1:6]] == [
        [row, "5"] for row in ("read", "encode", "process", "decode", "save")
    ]
    assert "pictures  10 read: 5 painted, 5 skipped" in lines
    assert "stages    fused" in lines and "wrote     out.mp4" in lines
    assert re.fullmatch(
        r"done: time=\d+\.\d{3} frames=5 fps=\d+\.\d{3} its=\d+\.\d{3} evals=\d+\.\d{3}", lines[-1]
    )
    assert sorted(path.name for path in home.iterdir()) == ["in.mp4", "out.mp4"]


def test_json_lines_report_progress_and_the_last_one_the_result(
    run: Run, tiny_sd: Path, home: Path
) -> None:
    (home / "show.toml").write_text(f"[sd]\nmodel = '{tiny_sd}'\ndevice = 'cpu'\n")
    named = ("--input", "in.mp4", "-o", "frames/", "--config", "show.toml")
    code, out, err = run(*named, *QUICK, "--scale", "1.1", "--frames", "3", "--json", "--debug")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [event["event"] for event in events] == ["progress"] * (len(events) - 1) + ["done"]
    assert events[0]["state"] == "loading" and set(events[0]["stage_seconds"]) == {"load"}
    report = events[-1]
    assert (report["read"], report["painted"], report["unpainted"]) == (3, 3, 0)
    assert (report["width"], report["height"], report["stages"], report["device"]) == (
        104,
        72,
        "fused",
        "cpu",
    )
    assert list(report["times"]) == ["read", "encode", "process", "decode", "save"]
    assert (report["sampler"], report["prediction_type"]) == ("lcm", "epsilon") and "LCM" in report[
        "sampler_reason"
    ]
    assert {"fps", "its", "evals", "seconds", "load_s", "peak_memory_mb", "notes"} < set(report)
    assert [read_still(path).shape for path in (home / "frames").iterdir()] == [(72, 104, 3)] * 3
    assert re.match(r"progress: loading 0 \| load \d+\.\d s\n", err)
    assert err.count("\n") >= len(events) - 1


def test_ctrl_c_keeps_a_video_and_resume_makes_it_whole(
    run: Run, ctrl_c_when: Any, tiny_sd: Path, home: Path
) -> None:
    write_movie(home / "long.mp4", [disc_picture(number, 96, 64, 12) for number in range(COUNT)])
    slow = ["--steps", "4", "--strength", "1", "--batch", "2", "--model", str(tiny_sd)]
    command = ["long.mp4", "out.mp4", *QUICK, *slow]
    with ctrl_c_when(lambda: any((home / ".out.mp4.partial").glob("*segment*"))):
        code, out, err = run(*command)
    count = len(pictures_of(home / "out.mp4"))
    assert 1 <= count < COUNT < SEGMENT_PICTURES
    assert code == 1
    last = err.splitlines()[-1]  # on a slow machine, after progress lines
    result = f"multiverse: interrupted after {count} pictures; out.mp4: plays up to there"
    assert last == f"{result}, the same command with --resume {STARTS_OVER}"
    assert f" frames={count} " in out.splitlines()[-1]
    assert run(*command, "--resume")[0] == 0
    assert len(pictures_of(home / "out.mp4")) == COUNT


def test_ctrl_c_while_the_model_loads_leaves_no_files(
    run: Run, ctrl_c_at: Any, home: Path, tiny_sd: Path
) -> None:
    ctrl_c_at("engine.models.sd.batch_painter")
    code, out, err = run("in.mp4", "out.mp4", *QUICK, "--model", tiny_sd)
    assert (code, out) == (1, "")
    assert err.splitlines()[1:] == [
        "multiverse: interrupted before the first picture; nothing was written"
    ]
    assert [path.name for path in home.iterdir()] == ["in.mp4"]


def test_a_page_is_served_until_ctrl_c(run: Run, tiny_sd: Path, free_port, ctrl_c_when) -> None:
    port, answers = free_port(), []

    def is_served() -> bool:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/") as answer:
            answers.append(answer.read().decode())
        return bool(answers) and signal.getsignal(signal.SIGINT) is not signal.default_int_handler

    served = [
        "--web",
        f"127.0.0.1:{port}",
        "--clients",
        "2",
        "--size",
        "64",
        "--device",
        "cpu",
        "--threads",
        "1",
    ]
    with ctrl_c_when(is_served):
        code, out, err = run(*served, "--model", tiny_sd, "--steps", "1", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"event": "serving", "page": f"http://127.0.0.1:{port}/"}
    assert "<html" in answers[0]


def test_ctrl_c_while_the_pages_model_loads_ends_at_once(
    run: Run, ctrl_c_at: Any, tiny_sd: Path
) -> None:
    ctrl_c_at("engine.models.sd.load")
    served = [
        "--web",
        "127.0.0.1:0",
        "--size",
        "64",
        "--device",
        "cpu",
        "--threads",
        "1",
        "--model",
        tiny_sd,
    ]
    code, out, err = run(*served)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "multiverse: interrupted before the page was served"


PAINT = "in.mp4 out.mp4 --prompt x --model m"


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ("", 2, "no input: multiverse video IN OUT"),
        ("in.mp4 --prompt x --model m", 2, "no output: name a video"),
        ("in.mp4 out.mp4 --model m", 2, "no prompt: describe what the pictures should show"),
        ("in.mp4 out.mp4 --prompt x", 2, "no model: name one with --model"),
        (f"{PAINT} -i 0", 2, "--input 0: IN is given already, as in.mp4; leave one out"),
        (f"{PAINT} --deepcache --compile", 2, "--deepcache --compile: one of them at"),
        (
            "in.mp4 --prompt x --model m --web 127.0.0.1:0 --every 2",
            2,
            "--web: the browser is both input and output",
        ),
        (f"{PAINT} --clients 2", 2, "--clients: only with --web HOST:PORT"),
        (f"{PAINT} --control input", 2, "--control: only with --controlnet PATH"),
        ("--prompt x --model m --web 8000", 2, "--web: '8000' is not HOST:PORT"),
        (f"{PAINT} --sampler ddim", 2, "--sampler ddim: not one of auto, lcm, turbo"),
        (f"{PAINT} --strength 2", 2, "--strength: 2 is not 0.05 to 1"),
        ("in.mp4 out.mp4 --prompt x --model nowhere", 1, "nowhere: no such file or folder"),
        ("in.mp4 out.gif --prompt x --model random:tiny", 2, "out.gif: cannot write this format"),
        ("no.mp4 out.mp4 --prompt x --model random:tiny", 1, "no.mp4: no such file or folder"),
    ],
)
def test_invalid_input_is_an_error_of_one_line(
    run: Run, arguments: str, code: int, reason: str
) -> None:
    answer, _, err = run(*arguments.split())
    assert answer == code and err.startswith(f"multiverse: {reason}") and err.count("\n") == 1
