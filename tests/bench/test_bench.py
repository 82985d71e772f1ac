"""The benchmarks run and report what the issue of speed is judged by. Their figures are nobody's business here."""

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.bench import sd
from engine.bench.progress import no_progress
from engine.errors import ModelError
from tests.cli.conftest import Said

BENCH = Path(sd.__file__).parent
MULTIVERSE = [sys.executable, "-m", "engine.cli.main"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    return tmp_path


def bench(home: Path, *arguments: str) -> dict:
    command = [*MULTIVERSE, "bench", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=home, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_render_reports_ratios_overhead_first_frame_and_memory(home: Path) -> None:
    result = bench(home, "render", "--size", "96x64", "--frames", "10", "--seconds", "1")
    assert result["first_frame_s"] > 0
    loop = result["loop"]
    assert loop["frames"] == 30
    assert {"overhead_ms_p50", "overhead_ms_p99", "memory_growth_mib", "late", "dropped"} <= set(loop)
    assert result["gl"]["times_minimal"] > 0
    assert result["numba"]["times_faster_than_numpy"] > 0


def test_osc_reports_losses_and_what_the_flood_costs(home: Path) -> None:
    result = bench(home, "osc", "--size", "96x64", "--rate", "4000", "--seconds", "0.5")
    assert result["messages"] == pytest.approx(2000, rel=0.05)
    assert result["lost"] == 0
    assert result["receive_buffer_bytes"] > 0
    assert {"frame_p99_ratio", "arrival_to_frame_frames_p99"} <= set(result)


def test_control_reports_previews_the_tree_and_the_fader(home: Path) -> None:
    result = bench(home, "control", "--size", "96x64", "--seconds", "1", "--viewers", "2", "--moves", "4")
    assert result["viewers"] == 2 and result["pictures_a_second_a_viewer"] > 1
    assert result["tree_bytes"] > 50_000 and result["tree_ms_p95"] > 0
    assert result["fader_to_frame_ms_p95"] >= result["fader_to_frame_ms_p50"] > 0
    browser = result["browser_to_frame"]
    assert browser.get("moves") == 4 or browser == {"missing": "no Chromium here"}
    assert {"frame_p99_ratio", "late"} <= set(result)


@pytest.mark.parametrize("file", sorted(BENCH.glob("*.py")), ids=lambda file: file.name)
def test_no_benchmark_asks_select_about_pipes_which_windows_refuses(file: Path) -> None:
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert file.name == "osc_sender.py" or not imported & {"select", "selectors"}  # which asks about a socket


def test_sd_reports_stages_work_and_what_a_cpu_cannot_show(bench_here: Callable[..., Said]) -> None:
    asked = ("--size", "64", "--steps", "1", "--steps", "2", "--seconds", "0", "--device", "cpu", "--json")
    said = bench_here("sd", *asked)
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["matmul_tflops"] > 0
    assert "limit" not in said.out, "nothing measured here is one: convolutions exceed a matrix product"
    assert "what CUDA graphs gain" in result["unverified without a device"]
    assert set(result["tiny"]) == {"64x64, 1 step", "64x64, 2 steps"}
    for case in result["tiny"].values():
        assert {"encode_ms", "unet_ms", "decode_ms", "memory_mb"} <= set(case)
        assert case["tflops"] == pytest.approx(case["gflop"] / case["ms"], rel=0.05)
        assert case["fps"] > 0 and case["times_diffusers_call"] > 0 and case["times_diffusers_tensors"] > 0


def test_sd_refuses_what_it_cannot_measure(bench_here: Callable[..., Said]) -> None:
    said = bench_here("sd", "--shape", "sd3", "--device", "cpu")
    assert said == (1, "", "multiverse: shape sd3: not one of sd15, sd-turbo, sdxl-turbo, tiny\n")


def test_a_measurement_that_crashes_says_why() -> None:
    asked = {"shapes": ("tiny",), "sizes": (64,), "steps": (1,), "seconds": 0.0, "device": "cpu", "threads": -1}
    with pytest.raises(ModelError, match=r"without a result: exit code 1; RuntimeError: .*positive") as refusal:
        sd.run(asked, no_progress)
    assert "\n" not in str(refusal.value)
