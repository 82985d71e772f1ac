"""What some tests need beside the packages of pip: whether it is here, and the command that brings
it.

`@needs("OpenGL")` leaves a test out where there is none, and `require(found, "PulseAudio")` where
the test finds out for itself. Both fail with MULTIVERSE_REQUIRE_ALL=1. The last lines of a run tell
what was left out, and one command."""

import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import pytest

from engine.dataset.cycles.finding import install_command
from engine.errors import NoGLError
from engine.render.context import open_context

PIP = f"{sys.executable} -m pip install --no-deps"


@dataclass(frozen=True, slots=True)
class Needed:
    """Something of the system."""

    debian: str = ""
    """Packages of Debian and Ubuntu."""
    command: str = ""
    """What brings it everywhere, in the folder of the project."""
    is_here: Callable[[], object] = lambda: True
    """For the mark."""


@cache
def has_opengl() -> bool:
    try:
        open_context().release()
    except NoGLError:
        return False
    return True


def quick_renderer() -> str:
    """The renderer that starts first here: "gl" takes half the time of "numba"."""
    return "gl" if has_opengl() else "numba"


@cache
def has_portaudio() -> bool:
    try:
        import sounddevice  # noqa: F401  loads it
    except OSError:
        return False
    return True


NEEDED = {
    "OpenGL": Needed(debian="libegl1 libgl1 libgl1-mesa-dri", is_here=has_opengl),
    "PortAudio": Needed(debian="libportaudio2", is_here=has_portaudio),
    "PulseAudio": Needed(debian="pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"),
    "Chromium": Needed(debian="chromium"),
    "Node": Needed(debian="nodejs", is_here=lambda: shutil.which("node")),
    "npm's packages": Needed(debian="npm", command="npm ci --prefix .ci/node"),
    "liblo": Needed(debian="liblo-tools", is_here=lambda: shutil.which("oscsend")),
    "Pure Data": Needed(debian="puredata-core", is_here=lambda: shutil.which("pd")),
    "X in memory": Needed(debian="xvfb libxtst6"),
    "spoken words": Needed(debian="alsa-utils"),
    "git": Needed(debian="git", is_here=lambda: shutil.which("git")),
    "FCPE": Needed(
        command=f"{PIP} torchfcpe local-attention einops hyper-connections torch-einops-utils",
        is_here=lambda: find_spec("torchfcpe"),
    ),
    "infer-rvc-python": Needed(command=f"{PIP} --target .ci/peers infer-rvc-python==1.3.1"),
    **{name: Needed(command=f"{PIP} {name}") for name in ("cyndilib", "glfw", "lupa")},
    "Blender": Needed(command=install_command()),
    "two cores": Needed(),
    "IPv6": Needed(),
    "an x86-64 processor": Needed(),
    "OpenGL by a processor": Needed(),
}
"""By its name in the reasons."""


def needs(*names: str) -> pytest.MarkDecorator:
    """Mark a test, a class or, as `pytestmark`, a file."""
    for name in names:
        NEEDED[name]  # KeyError for one that is not listed
    return pytest.mark.needs(*names)


def require(found: object, name: str) -> None:
    """Leave the test out, with what is missing, unless it was found. Fails where CI demands all."""
    needed = NEEDED[name]
    if found:
        return
    command = _command([needed])
    reason = f"needs {name}" + f" ({command})" * bool(command)
    if os.environ.get("MULTIVERSE_REQUIRE_ALL") == "1":
        pytest.fail(f"MULTIVERSE_REQUIRE_ALL=1, but the test {reason}")
    pytest.skip(reason, allow_module_level=True)


def require_marked(item: pytest.Item) -> None:
    """`require` what the test's marks name."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            require(NEEDED[name].is_here(), name)


def left_out_lines(reasons: Iterable[str]) -> list[str]:
    """Lines about the tests that were left out for these reasons, and the command that brings all
    that they need."""
    found = (re.match(r"(?:Skipped: )?needs ([^(]+?)(?: \(|$)", reason) for reason in reasons)
    counts = Counter(match[1] for match in found if match and match[1] in NEEDED)
    if not counts:
        return []
    what = ", ".join(f"{name} ({count})" for name, count in counts.most_common())
    command = _command([NEEDED[name] for name in counts])
    return [
        f"tests left out, by what they need: {what}",
        *([f"all of it: {command}"] if command else []),
    ]


def _command(all_needed: list[Needed]) -> str:
    """One command that brings all of these; of Debian's packages only where there is apt-get."""
    packages = dict.fromkeys(" ".join(needed.debian for needed in all_needed).split())
    commands = [needed.command for needed in all_needed if needed.command]
    if packages and shutil.which("apt-get"):
        as_root = "" if os.geteuid() == 0 else "sudo "
        commands.insert(
            0, f"{as_root}apt-get install -y --no-install-recommends {' '.join(packages)}"
        )
    return " && ".join(commands)
