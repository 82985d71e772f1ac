"""A disk that becomes full while Blender draws."""

import errno
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.dataset.cycles.drawing import render
from engine.dataset.cycles.finding import is_program
from tests.dataset.cycles.yard import SETTINGS, YardRenderer, quarters

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.only_on(
    "linux", "darwin", reason="needs a shell script in place of Blender"
)


@pytest.fixture
def blender_after(stand_in: Callable[[str], Path], blender: Path) -> Callable[..., Path]:
    """Blender with shell commands before and after it."""
    if is_program(blender):
        pytest.skip(
            "the script gets the arguments of a Blender program and passes them to a Python with "
            "bpy"
        )
    return lambda before, after="": stand_in(f'{before}\n{blender} -I "$7" -- "$folder"\n{after}')


def failed(blender: Path, yard_renderer: YardRenderer, folder: Path) -> OSError:
    folder.mkdir()
    with pytest.raises(OSError) as caught:
        render(yard_renderer.geometry(is_small=True), quarters(), SETTINGS, blender, folder=folder)
    assert caught.value.filename == str(folder) and list(folder.iterdir()) == []
    return caught.value


def test_a_disk_error_in_blenders_python_is_raised(
    blender_after: Callable[..., Path], yard_renderer: YardRenderer, tmp_path: Path
) -> None:
    assert (
        failed(blender_after('rm "$folder/scene.npz"'), yard_renderer, tmp_path / "work").errno
        == errno.ENOENT
    )


def test_a_picture_that_blender_cannot_write_is_a_disk_error(
    blender_after: Callable[..., Path], yard_renderer: YardRenderer, tmp_path: Path
) -> None:
    blender = blender_after("ulimit -f 20")  # units of 512 or 1024 bytes
    assert failed(blender, yard_renderer, tmp_path / "work").errno == errno.EFBIG


@pytest.fixture
def on_a_small_disk(tmp_path: Path) -> Callable[[Path], str]:
    """Draw the yard on a disk of 1 MB and classify the failure: the scene takes 0.7 MB, Blender's
    output 0.5 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = 'mount -t tmpfs -o size=1000k none "$1" && shift && exec "$@"'
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", str(disk)]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*apart, "true"], stderr=subprocess.DEVNULL).returncode
    ):
        pytest.skip("needs a Linux with user namespaces, to mount a small file system")
    code = (
        "from pathlib import Path\n"
        "from engine.dataset.running.policy import failure_of\n"
        "from tests.dataset.cycles.yard import SETTINGS, YardRenderer, quarters, render\n"
        "try:\n"
        "    render(YardRenderer().geometry(), quarters(), SETTINGS, Path({!r}), "
        "folder=Path({!r}))\n"
        "except Exception as error:\n"
        "    failure = failure_of(error)\n"
        "    print(failure.reason, failure.ends_run)\n"
    )

    def draw(blender: Path) -> str:
        command = [*apart, sys.executable, "-c", code.format(str(blender), str(disk))]
        return subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    return draw


def test_a_disk_that_blender_fills_ends_the_run(
    on_a_small_disk: Callable[[Path], str], blender: Path, tmp_path: Path
) -> None:
    assert on_a_small_disk(blender) == f"{tmp_path / 'disk'}: No space left on device True\n"
