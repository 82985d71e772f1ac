"""`multiverse doctor`: its self-test, its report, and its lines without a terminal."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.cli import doctor_checks, selftest
from engine.cli.device_list import format_question
from engine.cli.doctor import fix_steps
from engine.cli.doctor_checks import ROWS, Check, run_checks, selftest_check
from engine.cli.doctor_machine import refused_port
from engine.cli.doctor_probes import judge_syphon_name
from engine.cli.machine_report import STEPS, SYSTEMS, redact
from engine.cli.probe import Answer, Probe
from engine.cli.selftest import compare, run_selftest, send_card
from engine.sources.devices import CameraDevice
from engine.system.installing import install_line
from tests.support.doctor import check, checked

GL = Answer(
    values={"renderer": "Apple M2", "version": "4.1 Metal", "is_software": False, "is_deep": True}
)
SOFTWARE_GL = Answer(
    values={"renderer": "llvmpipe", "version": "4.5", "is_software": True, "is_deep": True}
)
NUMBA = Answer(values={"threads": 8, "layer": "omp"})
NO_DRIVER = Answer(error="no OpenGL: no driver")
CPU_TORCH = {"version": "2.13.0+cpu", "cuda": None, "devices": [], "has_mps": False}


@pytest.fixture(scope="module")
def full_run(tmp_path_factory):
    """`multiverse doctor --selftest --json`, run once, outside the repository, in a folder with a
    blank and umlauts, with a user name."""
    home = tmp_path_factory.mktemp("home") / "Künstler Bühne" / "annabel"
    folder = home / "elsewhere"
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "engine.cli.main", "doctor", "--json", "--selftest"]
    command += ["--out", "result.json", "--report", "report.md"]
    environment = os.environ | dict.fromkeys(("LOGNAME", "USER"), "annabel")
    environment |= dict.fromkeys(("HOME", "USERPROFILE"), str(home))
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    ), folder


def test_the_engine_can_run_on_a_machine_that_runs_its_tests_and_its_card_comes_back_unchanged(
    full_run,
):
    done, folder = full_run
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["can_run"] is True
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert "failed" not in states.values()
    for name in (
        "Python",
        "OpenGL",
        "Numba",
        "audio input",
        "cameras",
        "recording",
        "torch",
        "Blender",
        "sink null",
    ):
        assert name in states
    result = found["selftest"]
    assert (result["passed"], result["orientation"]) == (True, "upright")
    assert result["largest_difference_rgb"] == [0, 0, 0] or result["sink"] != "shared"
    assert json.loads((folder / "result.json").read_text()) == result


def test_the_report_can_be_read_ticked_off_and_mailed(full_run):
    done, folder = full_run
    assert (
        done.stderr.startswith("report.md: written; read it, tick off what you see")
        and done.stderr.count("\n") == 1
    )
    report = (folder / "report.md").read_text(encoding="utf-8")
    headings = [line[3:] for line in report.splitlines() if line.startswith("## ")]
    assert headings[1].startswith("Self-test") and headings[-1] == "The same as JSON"
    assert {"Checks", "Pictures of other programs", "Sound", "Cameras", "To check by eye"} <= set(
        headings
    )
    lines = (
        "- Result: passed",
        "- Arrived: upright",
        "- Receivers list it as: Multiverse self-test ",
    )
    assert [line in report for line in lines] == [True] * 3
    for title, lines in STEPS.items():
        is_here = sys.platform in SYSTEMS.get(title, (sys.platform,))
        assert (f"### {title}\n\n- [ ] {lines[0]}\n" in report) is is_here
    found = json.loads(report.partition("```json\n")[2].rpartition("```")[0])
    assert found["selftest"] == json.loads(done.stdout)["selftest"]
    assert ("\n- Not as a texture: " in report) is ("as_texture" in found["selftest"])
    assert [check["name"] for check in found["checks"]][:2] == ["Python", "packages"]
    assert str(folder.parent) not in report and "annabel" not in report.casefold(), (
        "neither user nor home"
    )
    assert f"~{os.sep}elsewhere" in report, "where the disk was looked at"
    assert re.search(rf"\b{re.escape(socket.gethostname())}\b", report) is None


def test_private_names_are_removed_as_whole_words_longest_first():
    names = {"/Users/ann": "~", "stage-mac": "HOST", "ann": "USER"}
    found = {
        "a": ["/Users/ann/show", "STAGE-MAC (Arena - Composition)"],
        "b": "Ann's iPhone, channel Anna, 1",
        "c": 7,
    }
    assert redact(found, names) == {
        "a": ["~/show", "HOST (Arena - Composition)"], "b": "USER's iPhone, channel Anna, 1",
        "c": 7,
    }  # fmt: skip
    assert (
        redact(r"C:\Users\ann\python.exe", {r"C:\Users\ann": "~", "ann": "USER"}) == r"~\python.exe"
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("--report r.md", "add --selftest"),
        ("--selftest --report none/r.md", "the folder none does not exist"),
        ("--selftest --report .", "is a folder"),
        ("--selftest --report old.md", "exists already; --overwrite replaces it"),
        ("--selftest --ndi", "add --report FILE"),
    ],
)
def test_an_unwritable_report_is_one_line_before_any_check(
    options, problem, cli, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.md").write_text("mine")
    done = cli("doctor", *options.split())
    assert (done.code, done.out) == (2, "") and problem in done.err and done.err.count("\n") == 1
    assert (tmp_path / "old.md").read_text() == "mine"


def test_the_steps_of_the_report_are_those_of_the_page():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "first-contact.md").read_text(
        encoding="utf-8"
    )
    headings = re.findall(r"^## \d+\. (.+)$", page, re.MULTILINE)
    assert headings == list(STEPS)


def test_ffmpeg_is_queried_for_a_cameras_formats_in_each_systems_way():
    """ffmpeg-devices manual: v4l2 `list_formats`, dshow `list_options`; avfoundation.m lists
    "Supported modes" when it has no such size."""
    camera = CameraDevice(index=0, name="Cam", id="/dev/null")
    assert format_question(camera, "win32") == (
        "dshow",
        "video=/dev/null",
        {"list_options": "true"},
    )
    assert format_question(camera, "darwin") == ("avfoundation", "/dev/null", {"video_size": "1x1"})


def test_without_a_terminal_each_check_is_a_plain_line(full_run, cli, monkeypatch):
    """With the options of the full run."""
    found = json.loads(full_run[0].stdout)["checks"]
    monkeypatch.setattr(doctor_checks, "run_checks", lambda: [Check(**check) for check in found])
    code, out, err = cli("doctor")
    assert (code, err) == (0, "")
    monkeypatch.setattr(
        doctor_checks, "run_checks", lambda: [Check("failed", "Python", "\x1b[2J: too old")]
    )
    assert cli("doctor")[:2] == (1, "failed   Python: \\x1b[2J: too old\n")
    assert {line.split()[0] for line in out.splitlines()} <= {
        "ok",
        "note",
        "warning",
        "fix:",
        "then:",
        "or:",
    }
    assert all(
        any(f" {check['name']}: {check['detail']}" in line for line in out.splitlines())
        for check in found
    )
    assert "\x1b" not in out


def test_a_terminal_gets_colours_and_each_command_on_one_line():
    """A Mac's Terminal has 80 columns: a command that we wrapped there was copied as two."""
    second = "pip install -c .ci/constraints.txt " + "-e . " * 20
    code = (
        "from engine.cli.doctor import print_list\n"
        "from engine.cli.doctor_checks import Check\n"
        f"print_list([Check('warning', 'torch', 'CPU torch', 'venv x, then {second.strip()}')])"
    )
    reading, writing = pytest.importorskip(
        "pty", reason="this system has no pseudo terminals"
    ).openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    subprocess.run([sys.executable, "-c", code], stdout=writing, check=True, env=environment)
    os.close(writing)
    output = os.read(reading, 65536).decode()
    os.close(reading)
    assert "\x1b[33mwarning" in output
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in output.splitlines()]
    assert lines == ["warning  torch: CPU torch", "fix: venv x", f"then: {second.strip()}"]


def test_a_fix_of_several_commands_is_printed_step_by_step():
    assert fix_steps("") == []
    assert fix_steps("mv a b, then cd b, then c") == [
        ("fix", "mv a b"),
        ("then", "cd b"),
        ("then", "c"),
    ]
    steps = [("fix", "choose it"), ("or", "reg add x"), ("or", "run y")]
    assert fix_steps("choose it; or: reg add x; or run y") == steps


def test_a_child_that_dies_is_an_answer():
    probe = Probe("numba")
    probe._process.kill()
    assert re.fullmatch(r"crashed \((SIGKILL|exit code \d+)\)", probe.read().error)


@pytest.mark.only_on("linux", reason="EGL")
def test_a_failing_probe_is_an_answer(monkeypatch):
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_FILENAMES", "/nowhere")
    assert "no OpenGL" in Probe("gl").read().error


CARD = {"card": "NVIDIA H100", "reason": "10_nvidia.json is missing", "fix": "write it"}
UHD = Answer(values=GL.values | {"renderer": "Intel(R) UHD"})
CUDA_TORCH = {"version": "2.13.0", "cuda": "13.0"}


def having(answer, **values):
    return Answer(values=answer.values | values)


def opengl(gl, numba=NUMBA, nvidia="", system="linux"):
    return check("OpenGL", gl, numba, nvidia, system)


def torch(nvidia="", **values):
    return check("torch", Answer(values={**CPU_TORCH, **values}), nvidia, True)


def encoders(*h264, **values):
    return check("recording", Answer(values={"h264": h264, "has_aac": True, **values}))


def python(*version, system="linux"):
    return check("Python", (version, "3.1 on this"), system)


@pytest.mark.parametrize(
    ("found", "state", "detail", "fix"),
    [
        (opengl(GL), "ok", "16 bits per channel", ""),
        (opengl(NO_DRIVER), "warning", "Numba draws instead", ""),
        (opengl(NO_DRIVER, NO_DRIVER), "failed", "no driver", ""),
        (check("Numba", NO_DRIVER, GL), "warning", "", "--force-reinstall numba"),
        (check("Numba", NUMBA, NO_DRIVER), "ok", "8 threads (omp)", ""),
        (
            opengl(SOFTWARE_GL),
            "note",
            "no GPU; Numba draws, at 30 fps; shaders run on the CPU and are slow",
            "",
        ),
        (
            opengl(SOFTWARE_GL, nvidia="RTX"),
            "warning",
            "no GPU, although there is a RTX",
            "libnvidia-egl",
        ),
        (
            opengl(having(SOFTWARE_GL, unused=CARD)),
            "warning",
            "software, although there is a card (NVIDIA H100): 10_nvidia.json is missing; Numba "
            "draws",
            "write it",
        ),
        (
            opengl(UHD, nvidia="NVIDIA RTX", system="win32"),
            "warning",
            "not the NVIDIA RTX",
            sys._base_executable,
        ),
        (python(3, 14, system="win32"), "warning", "Spout needs", "venv"),
        (check("packages", {"numpy": None, "torch": None}), "failed", "", " numpy"),
        (check("packages", {"numpy": "2", "torch": None}), "note", "", install_line("[models]")),
        (
            torch("NVIDIA RTX 4090"),
            "warning",
            "NVIDIA GPU (NVIDIA RTX 4090) but CPU torch",
            "torch==2.13.0 --force-reinstall --index-url https://download.pytorch.org/whl/cu",
        ),
        (torch(), "note", "on the CPU", ""),
        (torch("NVIDIA RTX 4090", **CUDA_TORCH), "warning", "", "driver"),
        (check("torch", Answer(), "", True), "note", "not installed", install_line("[models]")),
        (check("torch", Answer(), "", False), "note", "Intel Mac", ""),
        (
            encoders("libx264", ten_bits=(".mov", ".mkv")),
            "ok",
            "H.264 (libx264) and AAC; 10 bits: .mov, .mkv",
            "",
        ),
        (encoders(), "warning", "no recordings", "av"),
        (check("Ableton Link", None), "note", "", install_line("[link]")),
        (
            check("OSC receive buffer", 212_992, "linux"),
            "note",
            "0.2 of 32 MiB",
            "sudo sysctl -w net.core.rmem_max=33554432",
        ),
        (
            check("OSC receive buffer", 4 << 20, "darwin"),
            "ok",
            "",
            "",
        ),  # no more than a Mac can grant
        # Beyond this value, sysctl says: Result too large.
        (
            check("OSC receive buffer", 1 << 20, "darwin"),
            "note",
            "",
            "sudo sysctl -w kern.ipc.maxsockbuf=8388608",
        ),
        (
            judge_syphon_name(Answer(values={"application": "Python"})),
            "note",
            "under Python: look for",
            "",
        ),
        (
            judge_syphon_name(Answer(values={"application": "Multiverse"})),
            "ok",
            "under Multiverse: look for",
            "",
        ),
    ],
)
def test_a_check_says_what_works_and_what_fixes_it(found, state, detail, fix):
    assert found.state == state
    assert detail in found.detail and fix in found.fix
    assert bool(fix) or not found.fix or state == "failed"


def test_no_sound_input_means_the_demo_loop():
    silent = Answer(values={"inputs": []})
    found = check("audio input", silent, "linux")
    assert found.state == "warning" and "demo loop" in found.detail
    assert checked("default sound input", silent) is checked("computer's own sound", silent) is None
    mic = Answer(
        values={
            "inputs": ["Mic"],
            "default": "Mic",
            "has_loopback": False,
            "loopback_advice": "install BlackHole",
        }
    )
    assert check("audio input", mic, "linux").state == "ok"
    assert checked("default sound input", mic) is None
    assert check("computer's own sound", mic).state == "note"


CU130 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]


@pytest.mark.parametrize(
    ("capability", "kernels", "wheels"),
    [
        ((6, 1), CU130, "cu126"),
        ((7, 5), CU130, ""),
        ((12, 1), CU130, ""),
        ((8, 9), ["sm_80", "sm_86", "sm_90a", "compute_90a"], ""),
        ((10, 3), ["sm_80", "sm_86", "sm_90a", "compute_90a"], "cu130"),
        ((13, 0), ["sm_80", "compute_86"], ""),
        ((13, 0), ["sm_100f", "sm_120"], "cu130"),
    ],
)
def test_a_card_without_kernels_in_this_torch_is_reported_with_the_wheels_that_have_them(
    capability, kernels, wheels
):
    """PyTorch 2.13's cu130 supports Turing (7.5) and newer, cu126 Maxwell (5.0) and newer
    (RELEASE.md). SM 8.6 runs on 8.9, not on 9.0; PTX runs on all later cards, with an `a` on no
    other (CUDA C++ Programming Guide)."""
    values = {
        "cuda": "13.0",
        "devices": ["GTX 1080"],
        "kernels_for": kernels,
        "capabilities": [capability],
    }
    found = torch("GTX 1080", version="2.13.0+cu130", **values)
    assert found.state == ("warning" if wheels else "ok")
    assert (
        found.fix.endswith(f"https://download.pytorch.org/whl/{wheels}")
        if wheels
        else "GTX 1080" in found.detail
    )


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_taken_port_is_found_for_udp_and_for_tcp(kind):
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        port = holder.getsockname()[1]
        problem = refused_port("127.0.0.1", port, socket.SOCK_DGRAM, socket.SOCK_STREAM)
        found = check("OSC port", {"--osc": ("127.0.0.1", port, problem)}, "--osc")
        number = int(found.fix.removeprefix("multiverse run --osc 127.0.0.1:"))
        assert found.state == "warning" and number != port and 1024 < number < 65536
    assert refused_port("127.0.0.1", port, kind) == ""


def test_a_presets_folder_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path / "file" / "home"))
    rows = [row for row in ROWS if row.name == "presets"]
    (found,) = run_checks(rows)
    assert found.state == "warning" and re.match(r"(export|setx) MULTIVERSE_HOME\b", found.fix)
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path / "new"))
    assert run_checks(rows)[0].state == "ok"
    assert not (tmp_path / "new").exists()


def test_the_selftest_names_the_orientation_that_arrived_and_fails_on_other_colours_and_sizes(
    f_card,
):
    card = f_card(96, 64)
    for arrived, orientation in (
        (card, "upright"),
        (card[::-1], "upside down"),
        (card[:, ::-1], "mirrored"),
        (card[::-1, ::-1], "turned by 180 degrees"),
    ):
        result = compare(card, arrived)
        assert (result["orientation"], result["passed"]) == (orientation, orientation == "upright")
    assert not compare(card, card[..., [2, 1, 0, 3]])["passed"]
    assert "48x32" in compare(card, f_card(48, 32))["detail"]
    assert compare(card, np.minimum(card, 254))["passed"]


def test_a_picture_by_spout_that_does_not_arrive_names_the_next_step(monkeypatch):
    answer = Answer(error="no picture of 'Multiverse' arrived within 20 s"), {"renderer": "GeForce"}
    monkeypatch.setattr(selftest, "_publish_until_received", lambda *_: answer)
    assert selftest_check(send_card("spout")).fix.startswith("start ms-settings:display")


def test_a_sink_that_cannot_run_here_fails_the_selftest_with_its_reason():
    kind = "spout" if sys.platform != "win32" else "syphon"
    result = send_card(kind)
    assert result["passed"] is False
    found = selftest_check(result)
    assert (found.name, found.state) == (f"self-test ({kind})", "warning")
    assert found.detail.startswith(f"{kind}: unavailable (needs ")


def test_a_card_that_arrives_by_shared_memory_alone_passes_and_tells_why_no_texture_arrived(
    monkeypatch,
):
    kind = "spout" if sys.platform != "win32" else "syphon"
    monkeypatch.setattr(selftest, "texture_sink", lambda _system: kind)
    result = run_selftest()
    assert (result["passed"], result["sink"], result["largest_difference_rgb"]) == (
        True,
        "shared",
        [0, 0, 0],
    )
    found = selftest_check(result)
    assert (found.name, found.state) == ("self-test (shared)", "warning")
    assert f"; not as a texture: {kind}: unavailable (needs " in found.detail
