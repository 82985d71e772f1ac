"""Blender's process: its output, its errors and its end."""

import contextlib
import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.dataset.cycles.drawing import query_blender, render
from engine.dataset.cycles.finding import is_program
from engine.errors import RenderError, UsageError
from tests.children.toys import is_live
from tests.dataset.cycles.yard import SETTINGS, YardRenderer, quarters
from tests.support.long_form import IS_SOAK

ROOT = Path(__file__).parents[3]
posix_only = pytest.mark.only_on(
    "linux", "darwin", reason="needs a shell script in place of Blender"
)


@posix_only
def test_a_blender_that_dies_is_reported_with_its_last_output(
    stand_in: Callable[[str], Path],
    yard_renderer: YardRenderer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with caplog.at_level(logging.INFO), pytest.raises(RenderError) as caught:
        render(
            yard_renderer.geometry(),
            quarters(),
            SETTINGS,
            stand_in("echo one; echo two >&2; exit 11"),
            folder=work,
        )
    assert "exit code 11; one; two" in str(caught.value) and "\n" not in str(caught.value)
    assert caplog.messages == ["one", "two"]
    with pytest.raises(RenderError, match=r"killed by SIGKILL \(out of memory\?\)"):
        render(yard_renderer.geometry(), quarters(), SETTINGS, stand_in("kill -9 $$"), folder=work)
    assert list(work.iterdir()) == []


@posix_only
def test_the_failure_that_blender_reports_is_raised(
    stand_in: Callable[[str], Path], yard_renderer: YardRenderer
) -> None:
    for is_usage, kind in (("true", UsageError), ("false", RenderError)):
        answer = (
            f'{{"failure": "System is out of\\\\n GPU memory", "is_usage": {is_usage}, '
            '"errno": null, "trace": ""}'
        )
        with pytest.raises(kind, match=r"^System is out of GPU memory$"):
            render(
                yard_renderer.geometry(),
                quarters(),
                SETTINGS,
                stand_in(f"printf '{answer}' > $folder/answer.json"),
            )


def test_a_blender_that_is_too_old_says_so_before_it_draws(
    stand_in: Callable[[str], Path], blender: Path, yard_renderer: YardRenderer, tmp_path: Path
) -> None:
    if is_program(blender) or sys.platform == "win32":
        pytest.skip("needs a shell script around Blender's Python")
    newer = tmp_path / "newer.py"
    old = stand_in(
        f"sed 's/^OLDEST = (4, 2)/OLDEST = (97, 1)/' \"$7\" > {newer}\nexec {blender} -I {newer} "
        '-- "$folder"'
    )
    with pytest.raises(
        UsageError, match=rf"^{old}: Blender [\d.]+ is older than 97\.1, the oldest"
    ):
        query_blender(old)
    if IS_SOAK:
        with pytest.raises(UsageError, match=r"^Blender [\d.]+ is older than 97\.1"):
            render(yard_renderer.geometry(), quarters(), SETTINGS, old)


def test_without_bpy_the_error_names_the_command_that_installs_it(
    yard_renderer: YardRenderer,
) -> None:
    python = Path(sys.executable)
    try:
        found: dict[str, Any] = query_blender(python)
    except RenderError as error:
        assert "no bpy" in str(error) and "pip install bpy" in str(error)
        with pytest.raises(RenderError, match="no bpy"):
            render(yard_renderer.geometry(), quarters(), SETTINGS, python)
    else:
        assert found["version"]


def test_blender_ends_with_its_parent_and_leaves_no_file(
    blender: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    code = (
        "from pathlib import Path\n"
        "from tests.dataset.cycles.yard import YardRenderer, RenderSettings, quarters, render\n"
        "settings = RenderSettings(engine='cycles', max_samples=65536, noise_threshold=0.0001, "
        "use_gpu=False)\n"
        f"render(YardRenderer().geometry(), quarters(), settings, Path({str(blender)!r}),"
        f" folder=Path({str(work)!r}))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        (child,) = wait_for(lambda: psutil.Process(parent.pid).children(), "Blender's process")
        # It draws: there are more threads than the main one and the one that watches the parent.
        wait_for(lambda: child.cpu_times().user > 1.0, "Blender at work")
    finally:
        parent.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        parent.wait()
    try:
        wait_for(lambda: not is_live(child), "Blender's end")
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    wait_for(lambda: list(work.iterdir()) == [], "an empty folder")
