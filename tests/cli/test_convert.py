"""`multiverse convert` as users start it, with a tiny voice that sings the pitch it is given."""

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from engine.cli.progress import sound_line
from engine.jobs.convert.report import ConvertProgress
from tests.cli.conftest import Cli
from tests.jobs.convert.voices import spoken, tone, write_sound

COUNT = 60


@pytest.fixture
def home(singing_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `voice.toml`, which names the singing voice."""
    monkeypatch.chdir(tmp_path)
    lines = (
        f"model = '{singing_voice}/voice.pth'",
        f"content = '{singing_voice}/content'",
        "device = 'cpu'",
    )
    Path("voice.toml").write_text("[rvc]\n" + "\n".join(lines) + "\n")
    return tmp_path


def test_a_configuration_names_the_voice_and_json_reports_each_file(home: Path, cli: Cli) -> None:
    write_sound(home / "talk.wav", spoken(0.5))
    options = (
        "--pitch",
        "12",
        "--batch",
        "2",
        "--threads",
        "1",
        "--f0",
        "yin",
        "--profile",
        "--json",
    )
    code, out, err = cli(
        "convert", "talk.wav", "gone.wav", "out", *options, "--config", "voice.toml"
    )
    assert code == 1
    missing, index = err.splitlines()  # the index is printed at the start, not again at the end
    assert missing == "multiverse: gone.wav: no such file or folder"
    assert index == "multiverse: index: voice.index (it has the voice's name)"
    report = json.loads(out)
    assert [(file["output"], file["state"]) for file in report["files"]] == [
        (str(Path("out/talk.wav")), "converted"),
        (str(Path("out/gone.wav")), "failed"),
    ]
    assert (report["device"], report["dtype"], report["pitch"], report["batch_size"]) == (
        "cpu",
        "float32",
        "yin",
        2,
    )
    assert report["sound_s"] == pytest.approx(0.5) and report["rate_hz"] == 40_000
    assert Path(report["index"]).name == "voice.index"  # found beside the model, not named
    names = ["content", "retrieval", "pitch", "encode", "flow", "decode", "other"]
    assert [row["stage"] for row in report["stages"]] == names
    assert {"seconds", "speed", "load_s", "peak_memory_mb", "notes"} < set(report)
    assert soundfile.info("out/talk.wav").duration == pytest.approx(0.5)


def test_no_voice_is_loaded_if_nothing_can_be_converted(home: Path, cli: Cli) -> None:
    (home / "noise.wav").write_bytes(b"no sound" * 100)
    command = ("convert", "noise.wav", "gone.wav", "out", "--config", "voice.toml")
    code, out, err = cli(*command)
    assert code == 1
    assert "noise.wav: not a readable sound" in err and "gone.wav: no such file or folder" in err
    assert out.splitlines() == [
        "files       0 of 2 converted, 2 failed",
        "model       not loaded: there is nothing to convert",
    ]
    report = json.loads(cli(*command, "--json").out)
    assert (report["device"], report["rate_hz"], [file["state"] for file in report["files"]]) == (
        "",
        0,
        ["failed"] * 2,
    )


def test_ctrl_c_keeps_the_files_that_are_done(home: Path, cli: Any, ctrl_c_when: Any) -> None:
    (home / "in").mkdir()
    for number in range(COUNT):
        write_sound(home / "in" / f"{number}.wav", tone(0.3))
    command = ["convert", "in", "out", "--threads", "1", "--f0", "yin", "--config", "voice.toml"]
    with ctrl_c_when((home / "out" / "1.wav").exists):
        code, out, err = cli(*command)
    done = len(list((home / "out").iterdir()))
    assert 2 <= done < COUNT and code == 1
    names = f"{done}.wav, {done + 1}.wav, {done + 2}.wav and {COUNT - done - 3} more"
    on_the_way = " times real time", "nothing converted", "index: voice.index"
    messages = [line for line in err.splitlines() if not any(part in line for part in on_the_way)]
    assert messages == [f"multiverse: {names}: interrupted before anything was converted"]
    assert out.splitlines()[0].startswith(f"files       {done} of {COUNT} converted")
    assert out.splitlines()[-1] == f"wrote       {Path('out') / f'{done - 1}.wav'}"


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ("out", 2, "no model: name one with --model"),
        ("--model m.pth", 2, "talk.wav: is taken as the output; name sound files"),
        ("out --model gone.pth", 1, "gone.pth: no such file or folder"),
        ("out --model m.pth --pitch 30", 2, "--pitch: 30 is not -24 to 24"),
        ("out --model m.pth --rate fast", 2, "--rate: fast is neither source nor model nor"),
        ("talk.wav --model m.pth", 2, "talk.wav: is the input; name another output"),
    ],
)
def test_invalid_input_is_an_error_of_one_line(
    arguments: str, code: int, reason: str, home: Path, cli: Cli
) -> None:
    write_sound(home / "talk.wav", tone(0.1))
    answer, _, err = cli("convert", "talk.wav", *arguments.split())
    assert answer == code and err.startswith(f"multiverse: {reason}") and err.count("\n") == 1
    assert sorted(path.name for path in home.iterdir()) == ["talk.wav", "voice.toml"]


def test_a_progress_line_has_the_time_done_the_total_the_rate_and_the_time_left() -> None:
    progress = ConvertProgress(done=83.0, expected=3750.0, files_done=2, files=9, rate=6.04)
    assert sound_line(progress) == "1:23 of 1:02:30, 2 of 9 files, 6.0 times real time, 10:07 left"
