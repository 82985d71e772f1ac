"""`python -m tests.benchmarks` reports its figures. Their values are not tested."""

import json
import subprocess
import sys

import numpy as np
import pytest

from engine.errors import ModelError
from engine.render.picture import Renderer
from tests.benchmarks import beat, render, timecode
from tests.benchmarks.frame import renderers
from tests.benchmarks.measuring import Progress
from tests.benchmarks.options import RenderBench, Size
from tests.cli.conftest import Cli


def test_beat_reports_lock_phase_f_measure_cost_and_timecode(
    bench_here: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat, "COST_S", 1.0)
    monkeypatch.setattr(timecode, "COST_S", 1.0)
    monkeypatch.setattr(timecode, "FRAMES", 40)
    result = json.loads(
        bench_here("beat", "--tempos", "2", "--songs", "1", "--passages", "0", "--json").out
    )
    assert result["clicks"]["metronomes"] == 4
    assert {"lock_s_max", "locked_within_4_s", "phase_error_ms_p95"} <= set(result["clicks"])
    assert set(result["songs"]["f_measure"]) == {"house"}
    assert result["cost"]["beat_cpu_ms_per_hop"] > 0
    read_fractions = result["timecode"]["frames_read"]
    assert result["timecode"]["wrong_frames"] == 0
    # Windows counts processor time in steps of 15.6 ms
    smallest = 0.0 if sys.platform == "win32" else 1e-6
    assert result["timecode"]["cpu_ms_per_second_of_sound"] >= smallest
    assert all(
        read_fractions[f"speed {speed}, SNR 20 dB"] > 0.9 for speed in ("0.6", "1", "2", "-1")
    )


def test_stems_reports_fractions_f_measures_and_cost(bench_here: Cli) -> None:
    result = json.loads(bench_here("stems", "--songs", "1", "--seconds", "2", "--json").out)
    assert set(result["mean"]) == {"in_its_layer", "of_its_layer", "kick", "snare", "beat"}
    assert result["cost"]["sample_leaves_after_ms_at_most"] <= 25


@pytest.mark.parametrize(
    ("error", "reason"), [(ModelError("no tape"), "no tape"), (KeyboardInterrupt(), "interrupted")]
)
def test_a_bench_prints_what_it_has_and_ends_with_an_error(
    error: BaseException, reason: str, bench_here: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(score: object) -> None:
        raise error

    monkeypatch.setattr(beat, "CLICKS_S", 14.0)
    monkeypatch.setattr(beat, "compose", broken)
    done = bench_here("beat", "--tempos", "2", "--songs", "1", "--passages", "0", "--json")
    result = json.loads(done.out)
    assert (done.code, done.err) == (1, f"multiverse: {reason}\n")
    assert result["clicks"] and result["failed"] == {"part": "songs", "reason": reason}


def test_the_proofs_run_from_the_checkout() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "dataset", "--case", "x"], capture_output=True
    )
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        [b"multiverse: --case: takes small, large or tile"],
    )


# -- the picture beside its baselines


def test_figures_of_both_renderers_are_beside_baselines(
    gl: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a start and a live loop, which the day on a card tests."""
    monkeypatch.setattr(
        render.render, "run", lambda options, progress: renderers(options.size, 2, progress)
    )
    options = RenderBench(size=Size(width=64, height=36), frames=2)
    figures = json.loads(json.dumps(render.run(options, Progress())))
    assert figures["width"] == 64 and figures["frames"] == 2
    own = {"multiverse_ms", "post_effects_ms", "contours_ms", "flash_guard_ms", "all_but_pixels_ms"}
    assert (
        own | {"look_ms", "host_ms", "publish_ms", "times_trivial", "readback_16_bit_ms"}
        <= figures["gl"].keys()
    )
    assert own <= figures["numba"].keys()
    for kind, ratio, above, below in (
        ("gl", "vs_minimal", "multiverse_ms", "minimal_four_layers_ms"),
        ("gl", "vs_fair_rival", "multiverse_ms", "fair_rival_ms"),
        ("numba", "times_faster_than_numpy", "numpy_float32_ms", "multiverse_ms"),
    ):
        found = figures[kind]
        assert found[ratio] == pytest.approx(found[above] / found[below], rel=0.05, abs=0.01)


def test_the_minimal_shader_draws_four_layers(gl: Renderer) -> None:
    turns = [(1.0, 0.0), (0.0, 1.0), (0.7, 0.7), (-0.7, 0.7)]
    uniforms = {"u_size_px": (32, 18), "u_turn": turns, "u_colour": render.COLOURS, "u_waves": 0}
    pixels = []
    for kind in (render.PlainPass, render.DitheredPass):
        baseline = kind(render.MINIMAL, uniforms, 32, 18)
        baseline.draw()
        with baseline._context:
            pixels.append(
                np.frombuffer(baseline._target.read(components=3), np.uint8)
                .reshape(18, 32, 3)
                .astype(int)
            )
        baseline.close()
    assert all(np.ptp(pixels[0][..., channel]) > 50 for channel in range(3))
    assert 0 < np.abs(pixels[0] - pixels[1]).max() <= 1, "the fair baseline is the same, dithered"
