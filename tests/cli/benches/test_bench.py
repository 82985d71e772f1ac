"""The benchmarks run and report their figures. The values are not tested."""

import ast
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.benches import measuring
from tests.cli.conftest import Said

BENCH = Path(measuring.__file__).parent


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


def test_osc_finds_every_message_and_every_answer(bench: Callable[..., dict]) -> None:
    """On machines of any speed."""
    figures = bench("osc", "--rate", "5000", "--seconds", "0.5", "--size", "160x90", "--busy", "1")
    assert figures["messages"] == 2500 + figures["last_values"]
    assert figures["lost"] == figures["last_values_lost"] == 0
    assert figures["last_values"] > 20 and figures["flood_end_to_frame_ms"] > 0.0
    assert figures["latency_ms_worst"] >= figures["latency_ms_p99"] >= figures["latency_ms_p50"] > 0.0
    assert 0.0 <= figures["cores_busy_elsewhere"] <= 1.1 * figures["cores"], "the condition of the losses"
    assert figures["questions"] >= 1 and figures["unanswered"] == 0
    assert figures["receive_buffer_bytes"] >= 65_536
    assert figures["arrival_to_frame_ms_p99"] >= figures["arrival_to_frame_ms_p50"] > 0.0
    assert figures["dmx_packets"] >= 1 and figures["dmx_lost"] == 0
    assert figures["dmx_packet_to_value_ms_p99"] >= figures["dmx_packet_to_value_ms_p50"] > 0.0
    assert figures["cores_kept_busy"] == 1
    assert {"frame_p99_ratio", "arrival_to_frame_frames_p99"} <= set(figures)


@pytest.mark.parametrize("file", sorted(BENCH.glob("*.py")), ids=lambda file: file.name)
def test_no_benchmark_uses_select_on_pipes_which_windows_rejects(file: Path) -> None:
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert file.name == "osc_sender.py" or not imported & {"select", "selectors"}  # which uses it on a socket


def test_a_model_that_cannot_be_loaded_is_named(bench_here: Callable[..., Said]) -> None:
    said = bench_here("video", "--shape", "sd3", "--size", "64x64", "--seconds", "0", "--device", "cpu", "--json")
    reason = "shape sd3: not one of sd15, sd-turbo, sdxl-turbo, ssd-1b, sdxs, tiny"
    assert (said.code, said.err) == (1, f"multiverse: sd3: loading: {reason}\n")
    result = json.loads(said.out)
    assert result["failed"] == {"part": "sd3: loading", "reason": reason} and result["matmul_tflops"] > 0


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


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ("rvc --shape v3-96k", 1, "shape v3-96k: not one of v2-48k"),
        ("rvc --block 5", 2, "--block: takes 20 to 1500"),
        ("sam3 --shape sam4 --device cpu", 1, "shape sam4: not one of sam3, tiny"),
        ("sam3 --mode video", 2, "--mode: takes image or track"),
        ("sam3 --prompts 5", 2, "--prompts: takes 1 to 4"),
        ("sam3 --resolution 640", 2, "--resolution: takes 1008, 840, 672, 504 or 336"),
        ("sd --size 100", 2, "--size: takes 64 to 8192, in steps of 64"),
        ("osc --size large", 2, "--size: 'large' is not WxH (for example 1280x720)"),
    ],
)
def test_an_unmeasurable_case_is_an_error_of_one_line(
    bench_here: Callable[..., Said], words: str, code: int, reason: str
) -> None:
    said = bench_here("bench", *words.split())
    assert said.code == code and reason in said.err and said.err.count("\n") == 1
