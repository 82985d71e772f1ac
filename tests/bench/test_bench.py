"""The benchmarks run and report their figures. The values are not tested."""

import ast
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.bench import beat, sd, timecode
from tests.cli.conftest import Said

BENCH = Path(sd.__file__).parent


@pytest.fixture
def bench(say: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict]:
    """`bench("osc", ...)`: its JSON output."""
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def measured(*arguments: str) -> dict:
        said = say("bench", *arguments, "--json")
        assert said.code == 0, said.err
        return json.loads(said.out)

    return measured


def test_osc_reports_losses_and_the_cost_of_the_flood(bench: Callable[..., dict]) -> None:
    result = bench("osc", "--size", "96x64", "--rate", "4000", "--seconds", "0.5", "--busy", "1")
    assert result["messages"] == pytest.approx(2000, rel=0.05)
    assert result["lost"] == result["last_values_lost"] == 0
    assert result["cores_kept_busy"] == 1
    assert result["receive_buffer_bytes"] > 0
    assert {"frame_p99_ratio", "arrival_to_frame_frames_p99"} <= set(result)


def test_control_reports_previews_the_tree_and_the_fader(bench: Callable[..., dict]) -> None:
    result = bench("control", "--size", "96x64", "--seconds", "1", "--viewers", "2", "--moves", "4")
    assert result["viewers"] == 2 and result["pictures_a_second_a_viewer"] > 1
    assert result["tree_bytes"] > 50_000 and result["tree_ms_p95"] > 0
    assert result["fader_to_frame_ms_p95"] >= result["fader_to_frame_ms_p50"] > 0
    browser = result["browser_to_frame"]
    assert browser.get("moves") == 4 or browser == {"missing": "no Chromium here"}
    assert {"frame_p99_ratio", "late"} <= set(result)


@pytest.mark.parametrize("file", sorted(BENCH.glob("*.py")), ids=lambda file: file.name)
def test_no_benchmark_uses_select_on_pipes_which_windows_rejects(file: Path) -> None:
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert file.name == "osc_sender.py" or not imported & {"select", "selectors"}  # which uses it on a socket


@pytest.mark.parametrize("name", ["sd", "video"])
def test_a_model_that_cannot_be_loaded_is_named_and_takes_no_figures_with_it(
    bench_here: Callable[..., Said], name: str
) -> None:
    size = {"sd": ("--size", "64", "--steps", "1"), "video": ("--size", "64x64")}[name]
    shapes = ("--shape", "tiny", "--shape", "sd3") if name == "sd" else ("--shape", "sd3")
    said = bench_here(name, *shapes, *size, "--seconds", "0", "--device", "cpu", "--json")
    reason = "shape sd3: not one of sd15, sd-turbo, sdxl-turbo, ssd-1b, sdxs, tiny"
    assert (said.code, said.err) == (1, f"multiverse: sd3: loading: {reason}\n")
    result = json.loads(said.out)
    assert result["failed"] == {"part": "sd3: loading", "reason": reason} and result["matmul_tflops"] > 0
    assert name == "video" or result["tiny"]["64x64, 1 step"]["fps"] > 0


def test_renderers_are_measured_where_numba_is_missing_and_no_engine_starts(
    say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, require: Callable[[object, str], None]
) -> None:
    monkeypatch.setitem(sys.modules, "engine.render.numba_renderer", None)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    said = say("bench", "render", "--size", "64x36", "--frames", "10", "--json")
    result = json.loads(said.out)
    assert said.code == 1
    assert result["failed"] == {"part": "first frame", "reason": "an engine of one frame: exit code 1"}
    assert result["numba"]["unavailable"].startswith("Numba: ")
    require("unavailable" not in result["gl"], str(result["gl"]))
    assert result["gl"]["multiverse_ms"] > 0


def test_beat_reports_lock_phase_error_f_measure_cost_and_timecode(
    bench: Callable[..., dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat, "COST_S", 1.0)
    monkeypatch.setattr(timecode, "COST_S", 1.0)
    monkeypatch.setattr(timecode, "FRAMES", 40)
    result = bench("beat", "--tempos", "2", "--songs", "1")
    assert result["clicks"]["metronomes"] == 4
    assert {"lock_s_max", "locked_within_4_s", "phase_error_ms_p95"} <= set(result["clicks"])
    assert set(result["songs"]["f_measure"]) == {"house"}
    assert result["cost"]["beat_cpu_ms_per_hop"] > 0
    shares = result["timecode"]["frames_read"]
    assert result["timecode"]["wrong_frames"] == 0 and result["timecode"]["cpu_ms_per_second_of_sound"] > 0
    assert all(shares[f"speed {speed}, SNR 20 dB"] > 0.9 for speed in ("0.6", "1", "2", "-1"))
