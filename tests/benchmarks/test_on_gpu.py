"""The day on a GPU, dry: every part with tiny models on the CPU, and how a day continues after
failures and cuts."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest
import typer.main

from engine.ipc.process_identity import is_pid_alive
from tests.benchmarks import frame, isolation, on_gpu
from tests.benchmarks.__main__ import app as proofs
from tests.benchmarks.on_gpu import PARTS, Day, Part, figures, run_python, see_only
from tests.benchmarks.test_sd import assert_sd
from tests.cli.conftest import Cli
from tests.support.long_form import IS_SOAK
from tests.support.needed import needs

SCRIPT = Path(on_gpu.__file__).with_name("on_gpu.sh")
CARD = {"card": "NVIDIA H100 80GB"}
BENCHES = [each for each in PARTS if "--json" in each.arguments]
by_bash = pytest.mark.only_on("linux", "darwin", reason="the day on a card is run by a shell")

RUN = {each.name for each in PARTS if each.tiny} if IS_SOAK else {"isolation", "render"}
"""Parts that a dry day really runs: in the short form those that neither tests/bench nor another
test here runs."""


# by infer-rvc-python
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")  # by the same
@needs("OpenGL")
def test_a_dry_day_finds_every_figure(
    bench_here: Cli, fork_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, except for the children: torch and the like are imported once."""
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    if not IS_SOAK:
        monkeypatch.setattr(frame, "STARTS", 1)  # each starts an engine; the best is reported
        monkeypatch.setattr(isolation, "SETTLE_S", 0.1)
        alone, idle, *_, killed = isolation.child_loads()
        # else the child would load its model twice
        loads = [replace(alone, has_child=True), idle, killed]
        monkeypatch.setattr(isolation, "child_loads", lambda: loads)

    def run_here(arguments: Sequence[str], limit_s: float, out: IO[str], log: IO[str]) -> int:
        done = bench_here(*arguments[2:])
        out.write(done.out)
        log.write(done.err)
        return done.code

    day = Day("cpu", tmp_path, {"torch": "2"}, is_tiny=True)
    parts = [each for each in PARTS if each.name in RUN]
    assert day.run(parts, run_here) == 0, {
        file.name: file.read_text() for file in (tmp_path / "logs").iterdir()
    }
    found = {each.name: json.loads(day.file(each).read_text(encoding="utf-8")) for each in parts}
    for each in found.values():
        assert each["machine"] == {"torch": "2"} and each["seconds"] > 0 and "failed" not in each
    if "sd" in found:
        # more than the warm-up calls: a stream must be full before
        assert_sd(found["sd"], "64x64, 6 steps")
    assert set(found["isolation"]["interval_p99_ratio"]) >= {
        "idle_child",
        "child_killed_every_second",
    }
    assert found["isolation"]["sd"]["device"] == "cpu" and "unverified" in found["isolation"]
    assert found["render"]["first_frame_s"] > 0 and found["render"]["loop"]["frames"] == 30
    assert (
        found["render"]["loop"]["loaded"]["frames"] == 30
        and found["render"]["numba"]["lines_ms"] > 0
    )
    assert {"overhead_ms_p99", "memory_growth_mib", "late", "dropped"} <= set(
        found["render"]["loop"]
    )
    assert (
        found["render"]["gl"]["vs_minimal"] > 0
        and found["render"]["numba"]["times_faster_than_numpy"] > 0
    )


@by_bash
def test_the_script_runs_from_source(tmp_path: Path) -> None:
    command = [
        "bash",
        str(SCRIPT),
        "--device",
        "cpu",
        "--tiny",
        "--only",
        "ipc",
        "--minutes",
        "5",
        "--out",
        "out",
    ]
    # Outside of the checkout: nothing of it is found through the current folder.
    environment = os.environ | {"PYTHON": sys.executable, "MULTIVERSE_HOME": str(tmp_path)}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "1 complete", (
        done.stdout + done.stderr
    )
    found = json.loads((tmp_path / "out" / "ipc-tiny.json").read_text(encoding="utf-8"))
    for size in ("512x512x3", "1920x1080x4"):
        # A ratio is one of differences, which noise may turn below zero.
        assert min(ms for name, ms in found[size].items() if name.endswith("_ms")) > 0
        assert "times_faster_handover" in found[size]
    assert found["wake_up"]["ring_ms_p50"] > 0
    assert {"torch", "python", "date"} <= set(found["machine"])
    assert "card" not in found["machine"] and "missing: CUDA" not in done.stdout, (
        "the CPU was requested"
    )


@by_bash
def test_a_dry_run_does_not_go_into_the_figures_of_machines() -> None:
    environment = os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(
        ["bash", str(SCRIPT), "--tiny"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 2 and "--tiny needs --out FOLDER" in done.stderr


# -- how a day continues: programs in place of the benches


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


@by_bash
def test_a_part_that_fails_or_takes_too_long_stops_nothing_and_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wait_for: Callable[..., Any]
) -> None:
    day = Day("cuda", tmp_path, CARD)
    hangs = program("hangs", HANGS.replace("PID", str(tmp_path / "pid")), limit_s=1.0)
    parts = [
        program("half", HALF),
        program("dies", "import os; os._exit(7)"),
        hangs,
        program("good", GOOD),
    ]
    assert day.run(parts) == 1
    half, dies, cut, good = (
        json.loads(day.file(each).read_text(encoding="utf-8")) for each in parts
    )
    assert day.file(parts[-1]).name == "good-nvidia-h100-80gb.json"
    assert (good["fps"], good["machine"], half["fps"], cut["fps"]) == (125, CARD, 1, 2)
    assert half["failed"] == {"part": "b", "reason": "no memory"}
    assert dies["failed"] == {"part": "dies", "reason": "exit code 7"}
    assert cut["failed"] == {"part": "hangs", "reason": "cut off"}
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not is_pid_alive(pid), "the end of the child")

    capsys.readouterr()
    new, repaired = program("new", GOOD), [program(each.name, GOOD) for each in parts]
    assert day.run([*repaired, new]) == 0
    lines = [line.partition(" after")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == ["new: complete", "half: complete"], "what was not tried yet comes first"
    assert lines[4:] == ["good: complete, good-nvidia-h100-80gb.json", "5 complete"]
    assert all(
        "failed" not in json.loads(day.file(each).read_text(encoding="utf-8")) for each in repaired
    )


@pytest.mark.only_on("linux", reason="finds processes in /proc")
def test_a_part_ends_with_a_script_that_is_killed(
    tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    """A machine kills a command at its limit. What a part has started ends, too, or it would keep
    the card."""
    run = (
        "import sys; from tests.benchmarks.on_gpu import run_python; run_python(sys.argv[1:], "
        "60, *[sys.stderr] * 2)"
    )
    hangs = HANGS.replace("PID", str(tmp_path / "pid"))
    script = subprocess.Popen([sys.executable, "-c", run, "-c", hangs], cwd=on_gpu.ROOT)
    pid = int(
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the part")
    )
    part = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    script.kill()
    script.wait()
    wait_for(lambda: not is_pid_alive(part) and not is_pid_alive(pid), "the end of the part")


@by_bash
def test_a_day_ends_before_its_time_and_continues_at_the_next_call(tmp_path: Path) -> None:
    parts = [program("short", GOOD, limit_s=5.0), program("long", GOOD, limit_s=600.0)]
    first = Day("cuda", tmp_path, CARD, end_s=time.monotonic() + 60.0)
    assert (
        first.run(parts) == 3
        and first.file(parts[0]).exists()
        and not first.file(parts[1]).exists()
    )
    assert Day("cuda", tmp_path, CARD).run(parts) == 0


@pytest.mark.parametrize(("visible", "seen"), [(None, "1"), ("2,3", "3")])
def test_the_parts_see_only_the_chosen_card(
    visible: str | None, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    assert (see_only("cpu"), os.environ["CUDA_VISIBLE_DEVICES"]) == ("cpu", visible or "")
    assert (see_only("cuda:1"), os.environ["CUDA_VISIBLE_DEVICES"]) == ("cuda", seen)


@by_bash
def test_figures_with_goals_come_first_and_the_tests_of_a_card_are_here() -> None:
    names = [each.name for each in PARTS]
    assert names[:8] == [
        "tests",
        "sd",
        "sam3-image",
        "sam3-track",
        "rvc",
        "video",
        "isolation",
        "render",
    ]
    assert PARTS[0].limit_s <= 150 and sum(each.limit_s for each in PARTS[:8]) <= 900
    suites = [each for each in PARTS if each not in BENCHES]
    files = [
        argument for each in suites for argument in each.arguments if argument.startswith("tests/")
    ]
    assert len(files) >= 11 and all((on_gpu.ROOT / file).is_file() for file in files)
    options = [argument for argument in suites[0].arguments if not argument.startswith("tests/")]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        arguments = [*options, "tests/benchmarks/test_page.py", "--collect-only", "--noconftest"]
        code = run_python(arguments, 120.0, out, out)
        out.seek(0)
        printed = out.read()
    assert code == 0 and "tests collected" in figures(printed)["summary"], printed


@pytest.mark.parametrize("each", BENCHES, ids=lambda each: each.name)
def test_the_options_of_each_part_are_those_of_the_bench(each: Part) -> None:
    for arguments in filter(None, (each.arguments, each.tiny)):
        name, *options = arguments[2:]
        group: Any = typer.main.get_command(proofs)
        context = group.commands[name].make_context(name, [], resilient_parsing=True)
        context.resilient_parsing = False  # with it, unknown options are no error
        group.commands[name].make_parser(context).parse_args(
            [option.format(device="cuda") for option in options]
        )
