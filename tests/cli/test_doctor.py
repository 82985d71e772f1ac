import importlib.util
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from engine.cli.doctor_checks import (
    check_audio,
    check_blender,
    check_cameras,
    check_encoders,
    check_renderers,
    check_torch,
)
from engine.cli.doctor_machine import (
    check_packages,
    check_port,
    check_python,
    check_receive_buffer,
    has_torch_wheel,
    machine_checks,
    texture_sink,
)
from engine.cli.probe import Answer, Probe, parse_answer
from engine.cli.selftest import compare, run_selftest, selftest_check

GL = Answer(values={"renderer": "Apple M2", "version": "4.1 Metal", "is_software": False})
SOFTWARE_GL = Answer(values={"renderer": "llvmpipe", "version": "4.5", "is_software": True})
NUMBA = Answer(values={"threads": 8, "layer": "omp"})
GONE = Answer(error="no OpenGL: no driver")
CPU_TORCH = {"version": "2.13.0+cpu", "cuda": None, "devices": [], "has_mps": False}


def run_doctor(folder, *options):
    return subprocess.run(
        [sys.executable, "-m", "engine.cli.main", "doctor", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def full_run(tmp_path_factory):
    """`multiverse doctor --selftest --json` once, from a folder that is not the repository."""
    folder = tmp_path_factory.mktemp("elsewhere")
    return run_doctor(folder, "--json", "--selftest", "--out", "result.json"), folder


def test_the_engine_can_run_on_a_machine_that_runs_its_tests(full_run):
    done, _ = full_run
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["can_run"] is True
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert "failed" not in states.values()
    for name in ("Python", "OpenGL", "Numba", "audio input", "cameras", "recording", "torch", "Blender", "sink null"):
        assert name in states


def test_a_card_comes_back_upright_and_unchanged_through_another_process(full_run):
    done, folder = full_run
    result = json.loads(done.stdout)["selftest"]
    assert result["passed"] is True
    assert result["orientation"] == "upright"
    assert result["largest_difference_rgba"] == [0, 0, 0, 0] or result["sink"] != "shared"
    assert json.loads((folder / "result.json").read_text()) == result


def test_without_a_terminal_each_check_is_a_plain_line(tmp_path):
    done = run_doctor(tmp_path)
    assert done.returncode == 0
    first_words = {line.split()[0] for line in done.stdout.splitlines()}
    assert first_words <= {"ok", "note", "warning", "mend:"}
    assert "\x1b" not in done.stdout


def test_a_terminal_gets_a_table_with_the_command_that_mends():
    code = (
        "from engine.cli.check import Check; from engine.cli.doctor import _print_table\n"
        "_print_table([Check(name='torch', state='warning', detail='CPU torch', mend='pip install x')])"
    )
    pty = pytest.importorskip("pty", reason="this system has no pseudo terminals")
    reading, writing = pty.openpty()
    subprocess.run([sys.executable, "-c", code], stdout=writing, check=True, env={**os.environ, "TERM": "xterm"})
    os.close(writing)
    shown = os.read(reading, 65536).decode()
    os.close(reading)
    assert "\x1b[33mwarning" in shown and "pip install x" in shown


def test_a_result_file_without_a_selftest_is_wrong_usage(tmp_path):
    done = run_doctor(tmp_path, "--out", "result.json")
    assert done.returncode == 2
    assert "add --selftest" in done.stderr and done.stderr.count("\n") == 1


def test_a_child_that_dies_is_an_answer():
    probe = Probe("numba")
    probe._process.kill()
    assert probe.read().error == "crashed (SIGKILL)"


def test_a_child_that_fails_tells_why(monkeypatch):
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_FILENAMES", "/nowhere")
    assert "no OpenGL" in Probe("gl").read().error


def test_the_answer_is_the_last_line_whatever_libraries_print():
    assert parse_answer('ALSA lib says hello\n{"b": 2}\n{"a": 1}\n', 0) == Answer(values={"a": 1})
    assert parse_answer('{"error": "no"}\n', 0) == Answer(error="no")
    assert parse_answer("3\n", -11).error == "crashed (SIGSEGV)"
    assert parse_answer("", 3).error == "crashed (exit code 3)"


def states(checks):
    return {check.name: check.state for check in checks}


def test_one_of_two_renderers_is_enough_and_none_is_not():
    assert states(check_renderers(GL, NUMBA, "darwin", "")) == {"OpenGL": "ok", "Numba": "ok"}
    assert states(check_renderers(GONE, NUMBA, "linux", "")) == {"OpenGL": "warning", "Numba": "ok"}
    assert states(check_renderers(GL, GONE, "linux", "")) == {"OpenGL": "ok", "Numba": "warning"}
    assert states(check_renderers(GONE, GONE, "linux", "")) == {"OpenGL": "failed", "Numba": "failed"}


def test_drawing_on_the_cpu_beside_an_nvidia_card_is_a_warning():
    assert check_renderers(SOFTWARE_GL, NUMBA, "linux", "")[0].state == "note"
    check = check_renderers(SOFTWARE_GL, NUMBA, "linux", "NVIDIA RTX 4090")[0]
    assert check.state == "warning" and "NVIDIA RTX 4090" in check.detail and check.mend


def test_windows_on_the_wrong_card_names_the_python_to_assign():
    gl = Answer(values={"renderer": "Intel(R) UHD", "version": "4.6", "is_software": False})
    check = check_renderers(gl, NUMBA, "win32", "NVIDIA RTX 4060")[0]
    assert check.state == "warning"
    assert sys._base_executable in check.mend


def test_spout_wants_a_python_below_3_14_on_windows_only():
    assert check_python((3, 14), "win32").state == "warning"
    assert check_python((3, 13), "win32").state == "ok"
    assert check_python((3, 14), "linux").state == "ok"


def test_a_missing_package_fails_and_a_missing_model_library_warns():
    assert check_packages({"numpy": None, "torch": "2"}).state == "failed"
    check = check_packages({"numpy": "2", "torch": None})
    assert check.state == "warning" and check.mend.endswith("-m pip install torch")


def test_cpu_torch_beside_an_nvidia_card_names_the_command_that_mends_it():
    check = check_torch(Answer(values=CPU_TORCH), "NVIDIA RTX 4090")
    assert check.state == "warning"
    assert check.detail.startswith("NVIDIA GPU (NVIDIA RTX 4090) but CPU torch")
    assert "torch==2.13.0 --force-reinstall --index-url https://download.pytorch.org/whl/cu" in check.mend
    assert check_torch(Answer(values=CPU_TORCH), "").state == "note"
    assert check_torch(None, "").state == "warning"
    cuda = {**CPU_TORCH, "version": "2.13.0", "cuda": "13.0"}
    assert "driver" in check_torch(Answer(values=cuda), "NVIDIA RTX 4090").mend
    assert check_torch(Answer(values={**cuda, "devices": ["NVIDIA H200"]}), "NVIDIA H200").state == "ok"
    assert check_torch(Answer(values={**CPU_TORCH, "has_mps": True}), "").state == "ok"


def test_an_intel_mac_is_not_told_to_install_a_torch_that_it_cannot_have():
    assert not has_torch_wheel("darwin", "x86_64")
    assert all(has_torch_wheel(*where) for where in (("darwin", "arm64"), ("win32", "AMD64"), ("linux", "x86_64")))
    check = check_torch(None, "", has_wheel=False)
    assert (check.state, check.mend) == ("note", "") and "Intel Mac" in check.detail


def test_a_missing_blender_is_a_note_with_the_command_that_gets_it_and_a_broken_one_a_warning():
    check = check_blender(Answer())
    assert check.state == "note" and "-m venv" in check.mend and check.mend.endswith("-m pip install bpy")
    check = check_blender(Answer(error="/opt/blender: no answer within 60 s"))
    assert check.state == "warning" and check.detail.startswith("/opt/blender") and check.mend
    found = {"version": "5.0.1", "python": "3.11.7", "gpus": [], "path": "/opt/bpy/bin/python"}
    check = check_blender(Answer(values=found))
    assert (check.state, check.mend) == ("ok", "")
    assert check.detail == "5.0.1 with Python 3.11.7, Cycles on the CPU (/opt/bpy/bin/python)"


def test_blender_is_asked_in_a_child_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("MULTIVERSE_BLENDER", str(tmp_path / "none"))
    assert "MULTIVERSE_BLENDER" in Probe("blender").read().error
    monkeypatch.setenv("MULTIVERSE_BLENDER", sys.executable)
    if importlib.util.find_spec("bpy") is None:
        assert "bpy" in Probe("blender").read().error


def test_no_sound_input_means_the_demo_loop():
    (check,) = check_audio(Answer(values={"inputs": []}))
    assert check.state == "warning" and "demo loop" in check.detail
    found = {"inputs": ["Mic"], "default": "Mic", "has_loopback": False, "loopback_advice": "install BlackHole"}
    assert states(check_audio(Answer(values=found))) == {"audio input": "ok", "computer's own sound": "note"}


def test_cameras_and_encoders_are_named():
    assert "0 FaceTime" in check_cameras(Answer(values={"cameras": ["0 FaceTime"]})).detail
    assert check_cameras(Answer(values={"cameras": []})).state == "note"
    assert check_encoders(Answer(values={"h264": ["libx264"], "has_aac": True})).state == "ok"
    assert check_encoders(Answer(values={"h264": [], "has_aac": True})).state == "warning"


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_taken_port_is_found_for_udp_and_for_tcp(kind):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        check = check_port("OSC port", "--osc", "127.0.0.1", port, (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        assert check.state == "warning" and check.mend == "multiverse run --osc 127.0.0.1:PORT"
    assert check_port("OSC port", "--osc", "127.0.0.1", port, (kind,)).state == "ok"


def test_a_small_receive_buffer_names_the_setting():
    check = check_receive_buffer(212_992, "linux")
    assert check.detail.startswith("0.2 of 8 MiB")
    assert check.mend == "sudo sysctl -w net.core.rmem_max=8388608"
    assert check_receive_buffer(8 << 20, "linux").state == "ok"
    assert "kern.ipc.maxsockbuf" in check_receive_buffer(1 << 20, "darwin").mend


def test_a_presets_folder_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path / "file" / "home"))
    check = next(check for check in machine_checks() if check.name == "presets")
    assert check.state == "warning" and "MULTIVERSE_HOME" in check.mend
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path / "new"))
    assert next(check for check in machine_checks() if check.name == "presets").state == "ok"
    assert not (tmp_path / "new").exists()


def test_each_system_has_its_texture_sink():
    assert [texture_sink(system) for system in ("darwin", "win32", "linux")] == ["syphon", "spout", "shared"]


@pytest.mark.parametrize(
    ("turn", "orientation"),
    [
        (lambda card: card, "upright"),
        (lambda card: card[::-1], "upside down"),
        (lambda card: card[:, ::-1], "mirrored"),
        (lambda card: card[::-1, ::-1], "turned by 180 degrees"),
    ],
)
def test_the_selftest_names_the_orientation_it_got(f_card, turn, orientation):
    result = compare(f_card(96, 64), turn(f_card(96, 64)))
    assert result["orientation"] == orientation
    assert result["passed"] is (orientation == "upright")
    assert result["largest_difference"] == 0


def test_the_selftest_fails_on_other_colours_and_other_sizes(f_card):
    card = f_card(96, 64)
    assert not compare(card, card[..., [2, 1, 0, 3]])["passed"]
    assert "48x32" in compare(card, f_card(48, 32))["detail"]
    assert compare(card, np.minimum(card, 254))["passed"]


def test_a_sink_that_cannot_run_here_fails_the_selftest_with_its_reason():
    kind = "spout" if sys.platform != "win32" else "syphon"
    result = run_selftest(kind)
    assert result["passed"] is False
    check = selftest_check(result)
    assert (check.name, check.state) == (f"self-test ({kind})", "warning")
    assert check.detail.startswith(f"{kind}: unavailable (needs ")
