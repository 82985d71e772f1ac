"""Hundreds of presets: no frame takes more steps than with a few, and a save touches the files of
its preset alone."""

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from engine import Config, open_engine
from engine.params import ParamStore, PresetFolder
from engine.params.preset_cache import PresetCache
from tests.support.drum_loop import write_drum_loop

FEW, MANY = 16, 600
FRAMES = 2
OWN = "[preset]\nschema = 1\n[values]\n'/mode' = 'simple'\n"
DISK = ("stat", "lstat", "scandir", "listdir", "open")


def filled(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"Preset {number}.toml").write_text(OWN, encoding="utf-8")
    return folder


def steps_of_frames(folder: Path, count: int, sound: Path) -> tuple[Counter[Any], Counter[str]]:
    """The lines of our own code by function, and the calls of the disk, in frames of a show with so
    many presets: one on air, the autopilot on, and on output 2 one by its name in capitals, then
    one that is missing."""
    lines: Counter[Any] = Counter()
    calls: Counter[str] = Counter()

    def count_lines(frame: FrameType, event: str, arg: object) -> Any:
        if "engine" not in frame.f_code.co_filename:
            return None
        lines[frame.f_code.co_filename, frame.f_code.co_name] += event == "line"
        return count_lines

    def count_calls(frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call" and arg.__name__ in DISK:
            calls[arg.__name__] += 1

    params = {"/output/2/source": "look", "/autopilot/enable": True, "/autopilot/bank": 1}
    config = Config(
        width=64, height=64, fps=10.0, audio=str(sound), offline=True, renderer="numba",
        preset="preset 3",
        params=params, sinks=("null", "2:null"), presets=str(filled(folder, count)),
    )  # fmt: skip
    with open_engine(config) as engine:
        for look in ("PRESET 7", "Nope"):
            engine.params.set("/output/2/look", look)
            engine.run(1)
            sys.settrace(count_lines)
            sys.setprofile(count_calls)
            try:
                engine.run(FRAMES)
            finally:
                sys.setprofile(None)
                sys.settrace(None)
    return lines, calls


def test_a_frame_takes_as_many_steps_with_600_presets_as_with_16(tmp_path: Path) -> None:
    write_drum_loop(tmp_path / "drums.wav", 2.0)
    few, few_calls = steps_of_frames(tmp_path / "few", FEW, tmp_path / "drums.wav")
    many, many_calls = steps_of_frames(tmp_path / "many", MANY, tmp_path / "drums.wav")
    more = many - few
    assert few.total() > 10_000 and more.total() < 100, more.most_common(5)
    assert many_calls == few_calls


def test_a_save_and_a_deletion_touch_as_many_files_among_600_presets_as_among_16(
    tmp_path: Path,
) -> None:
    values = ParamStore().snapshot()

    def calls_of_a_save(folder: Path, count: int) -> Counter[str]:
        cache = PresetCache(PresetFolder(filled(folder, count)))
        cache.poll()
        calls: Counter[str] = Counter()

        def count_calls(frame: FrameType, event: str, arg: Any) -> None:
            if event == "call" and frame.f_code.co_name in ("_saved_file", "folded"):
                calls[frame.f_code.co_name] += 1
            if event == "c_call" and arg.__name__ in DISK:
                calls[arg.__name__] += 1

        sys.setprofile(count_calls)
        try:
            cache.write(cache.save("New", values))
            cache.write_picture("new", b"jpeg")
            cache.write(cache.save("NEW", {**values, "/mode": "simple"}))
            cache.write(cache.delete("nEW"))
        finally:
            sys.setprofile(None)
        return calls

    few = calls_of_a_save(tmp_path / "few", FEW)
    assert few and few == calls_of_a_save(tmp_path / "many", MANY)
