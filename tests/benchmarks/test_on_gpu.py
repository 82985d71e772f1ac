"""The day on a GPU, dry: every part with tiny models on the CPU, and how a day goes on after failures and cuts."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import pytest
import typer.main

from engine.bench import frame, sam3
from engine.cli.bench import app
from tests.bench.conftest import bench_here, say
from tests.benchmarks import on_gpu
from tests.benchmarks.on_gpu import PARTS, Day, Part, figures, run_python
from tests.cli.conftest import Said
from tests.support.long_form import IS_SOAK

__all__ = ["bench_here", "say"]

SCRIPT = Path(on_gpu.__file__).with_name("on_gpu.sh")
CARD = {"card": "NVIDIA H100 80GB"}


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # by infer-rvc-python
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")  # by the same
def test_a_dry_day_finds_every_figure(
    bench_here: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, except for the children: torch and the like are imported once."""
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    if not IS_SOAK:
        monkeypatch.setattr(frame, "STARTS", 1)  # each starts an engine; the best is reported
        for name, count in {"WARM_UP_CALLS": 1, "MIN_CALLS": 3, "KEPT_BATCHES": 3, "MIN_FOLLOWED": 4}.items():
            monkeypatch.setattr(sam3, name, count)
        monkeypatch.setattr(sam3, "BLOCK_PICTURES", 2)

    def run_here(words: Sequence[str], limit_s: float, log: IO[str]) -> tuple[int, str]:
        said = bench_here(*words[3:])
        return said.code, said.out + said.err

    day = Day("cpu", tmp_path, {"torch": "2"}, is_tiny=True)
    parts = [each for each in PARTS if each.tiny]
    assert day.run(parts, run_here) == 0, {file.name: file.read_text() for file in (tmp_path / "logs").iterdir()}
    found = {each.name: json.loads(day.file(each).read_text(encoding="utf-8")) for each in parts}
    for each in found.values():
        assert each["machine"] == {"torch": "2"} and each["seconds"] > 0 and "failed" not in each
    assert_sd(found["sd"])
    assert found["sam3-image"]["image"]["336 px, 1 prompt"]["times_transformers_call"] > 0
    assert found["sam3-track"]["track"]["336 px, 1 prompt"]["times_transformers"] > 0
    assert found["rvc"]["offline"]["s"] > 0 and found["rvc"]["live"]["100 ms"]["ms_p50"] > 0
    video = found["video"]["tiny"]["batch 2, 2 steps at 0.5"]
    assert video["fused"]["times_diffusers"] > 0 and video["fused"]["batch_latency_ms"] > 0
    assert set(found["isolation"]["interval_p99_ratio"]) >= {"idle_child", "busy_child", "child_killed_every_second"}
    assert_render(found["render"])
    assert_ipc(found["ipc"])


def assert_sd(found: dict[str, Any]) -> None:
    assert found["matmul_tflops"] > 0
    assert "limit" not in str(found), "no figure is a limit: convolutions may exceed a matrix product"
    assert "gain from CUDA graphs" in found["unverified without a device"]
    assert list(found["tiny"]) == ["64x64, 6 steps"], "more than the warm-up calls: a stream must be full before"
    case = found["tiny"]["64x64, 6 steps"]
    assert {"encode_ms", "unet_ms", "decode_ms", "memory_mb", "ms"} <= set(case)
    assert case["tflops"] == pytest.approx(case["gflop"] * case["fps"] / 1000.0, rel=0.05)
    for way in ("call", "tensors"):
        assert case["fps"] > 0 and case[f"diffusers_{way}_fps"] > 0 and case[f"diffusers_{way}_ms"] > 0
        ratio = case["fps"] / case[f"diffusers_{way}_fps"]
        assert case[f"times_diffusers_{way}"] == pytest.approx(ratio, rel=0.01)


def assert_render(found: dict[str, Any]) -> None:
    assert found["first_frame_s"] > 0
    assert found["loop"]["frames"] == 30
    assert {"overhead_ms_p50", "overhead_ms_p99", "memory_growth_mib", "late", "dropped"} <= set(found["loop"])
    assert found["gl"]["vs_minimal"] > 0
    assert found["numba"]["times_faster_than_numpy"] > 0


def assert_ipc(found: dict[str, Any]) -> None:
    for size in ("512x512x3", "1920x1080x4"):
        assert set(found[size]) == {
            *("queue_handover_ms", "ring_handover_ms", "ring_write_ms", "ring_read_ms"),
            *("times_faster_a_copy", "times_faster_handover"),
        }
        assert min(found[size][name] for name in found[size] if name.endswith("_ms")) > 0
    assert set(found["wake_up"]) == {"queue_ms_p50", "queue_ms_p99", "ring_ms_p50", "ring_ms_p99"}
    assert (found["numbered"]["read"], found["numbered"]["torn"]) == (200, 0)
    assert found["numbered"]["written"] >= 200


def test_the_script_runs_from_source_says_what_is_missing_and_skips_what_is_complete(tmp_path: Path) -> None:
    command = ["bash", str(SCRIPT), "--device", "cpu", "--tiny", "--only", "ipc", "--minutes", "5"]
    # Outside of the checkout: nothing of it is found through the current folder.
    environment = os.environ | {"PYTHON": sys.executable, "MULTIVERSE_HOME": str(tmp_path)}
    for end in ("1 complete",) * 2:
        done = subprocess.run(
            [*command, "--out", "out"], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120
        )
        assert done.returncode == 0 and done.stdout.splitlines()[-1] == end, done.stdout + done.stderr
    assert "ipc: complete, ipc-tiny.json" in done.stdout
    found = json.loads((tmp_path / "out" / "ipc-tiny.json").read_text(encoding="utf-8"))
    assert found["numbered"]["torn"] == 0 and {"torch", "python", "date"} <= set(found["machine"])
    assert "card" in found["machine"] or "missing: CUDA: torch sees no card" in done.stdout


# -- how a day goes on: programs in place of the benches


def program(name: str, text: str, limit_s: float = 30.0) -> Part:
    return Part(name, limit_s, ("-c", text.replace("{", "{{").replace("}", "}}")))


GOOD = "print('hello'); print('{\"fps\": 125}')"
HALF = 'print(\'{"fps": 1, "failed": {"part": "b", "reason": "no memory"}}\'); raise SystemExit(1)'
HANGS = """
import subprocess, sys, time
deaf = "import signal, time; signal.signal(2, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
child.stdout.readline()
open("PID", "w").write(str(child.pid))
try:
    time.sleep(60)
except KeyboardInterrupt:
    print('{"fps": 2}', flush=True)
"""


def test_a_part_that_fails_or_takes_too_long_stops_nothing_and_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wait_for: Callable[..., Any]
) -> None:
    day = Day("cuda", tmp_path, CARD)
    hangs = program("hangs", HANGS.replace("PID", str(tmp_path / "pid")), limit_s=1.0)
    parts = [program("half", HALF), program("dies", "import os; os._exit(7)"), hangs, program("good", GOOD)]
    assert day.run(parts) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "2 failed; 1 cut off; 1 complete"
    half, dies, cut, good = (json.loads(day.file(each).read_text(encoding="utf-8")) for each in parts)
    assert day.file(parts[-1]).name == "good-nvidia-h100-80gb.json"
    assert good["fps"] == 125 and good["machine"] == CARD
    assert half["fps"] == 1 and half["failed"] == {"part": "b", "reason": "no memory"}
    assert dies["failed"] == {"part": "dies", "reason": "exit code 7"}
    assert cut["fps"] == 2 and cut["failed"] == {"part": "hangs", "reason": "cut off"}
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text(), "the child")

    new, mended = program("new", GOOD), [program(each.name, GOOD) for each in parts]
    assert day.run([*mended, new]) == 0
    lines = [line.partition(" after")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == ["new: complete", "half: complete"], "what was not tried yet comes first"
    assert lines[4:] == ["good: complete, good-nvidia-h100-80gb.json", "5 complete"]


def test_a_second_failure_keeps_what_the_first_attempt_found(tmp_path: Path) -> None:
    day = Day("cuda", tmp_path, CARD)
    for text in (HALF, "raise SystemExit(1)"):
        assert day.run([program("half", text)]) == 1
    assert json.loads(day.file(program("half", "")).read_text(encoding="utf-8"))["fps"] == 1


def test_a_day_ends_before_its_time_and_goes_on_at_the_next_call(tmp_path: Path) -> None:
    parts = [program("short", GOOD, limit_s=5.0), program("long", GOOD, limit_s=600.0)]
    first = Day("cuda", tmp_path, CARD, minutes=1.0)
    assert first.run(parts) == 3 and first.file(parts[0]).exists() and not first.file(parts[1]).exists()
    assert Day("cuda", tmp_path, CARD).run(parts) == 0


def test_the_tests_of_a_card_are_those_that_are_here() -> None:
    words = PARTS[0].words
    files = [word for word in words if word.startswith("tests/")]
    assert len(files) >= 3 and all((on_gpu.ROOT / file).is_file() for file in files)
    with open(os.devnull, "w", encoding="utf-8") as log:
        code, printed = run_python([*words, "--collect-only", "-k", "captured or overlap"], 60.0, log)
    assert code == 0 and "tests collected" in figures(printed)["summary"], printed


@pytest.mark.parametrize("each", PARTS[1:], ids=lambda each: each.name)
def test_the_options_of_each_part_are_those_of_the_bench(each: Part) -> None:
    group: Any = typer.main.get_command(app)
    for words in filter(None, (each.words, each.tiny)):
        assert words[:3] == ("-m", "engine.cli.main", "bench")
        name, *options = words[3:]
        context = group.commands[name].make_context(name, [], resilient_parsing=True)
        group.commands[name].make_parser(context).parse_args([option.format(device="cuda") for option in options])
