"""Compiling of Numba's kernels, its progress reports, and what the cache keeps."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.render import (
    compat_numba,
    compiled_code,
    compiling,
    numba_code,
    numba_kernels,
    numba_post,
)  # fmt: skip
from engine.render.compiled_code import CodeFile, own_folder, portable_target
from engine.render.compiling import KERNELS, Kernel, small_kernel
from engine.render.numba_code import ALL, Compilation
from engine.render.numba_renderer import NumbaRenderer
from tests.render.test_renderers import run_python

FILL = "def fill(out):\n    for i in range(out.size):\n        out[i] = 1\n"
COUNT = """
import time
from pathlib import Path
from numba.core import event
from engine.render import compiling
from engine.render.numba_code import Compilation
from engine.render.numba_finish import sum_cells
from engine.render.numba_post import halve
class Count(event.Listener):
    count = 0
    def on_start(self, event): self.count += 1
    def on_end(self, event): pass
lines = []
"""
COMPILE_TWO = f"""{COUNT}
with event.install_listener("numba:compile", here := Count()):
    Compilation(lines.append, (sum_cells, halve), every_s=0.05).wait((sum_cells, halve))
    while lines and not lines[-1].startswith("compiled"): time.sleep(0.01)
print(here.count, *lines, sep="\\n")
"""
SHOW = (
    COUNT
    + """
from engine import Config, open_engine
def run(changes, **options):
    config = Config(
        width=96, height=64, audio="demo", renderer="numba", sinks=("null",), **options
    )
    with open_engine(config) as engine:
        for values in ({}, changes):
            for address, value in values.items():
                engine.params.set(address, value)
            engine.run(count=3)
with event.install_listener("numba:compile", here := Count()):
    Compilation(lines.append)
    run({})
    effects = {"/post/bloom": 1.0, "/post/grain": 0.5, "/feedback/amount": 0.9}
    run({"/layer/5/intensity": 1.0} | effects, camera="test")
    simple = {"/mode": "simple", "/safety/flash_guard": False, "/multiverse/tone": "filmic"}
    run(simple, camera="test")
    run({"/post/glow": 1.0, "/multiverse/alpha": "luma"}, offline=True)
print(here.count, lines)
"""
)


DRAW_PORTABLY = f"""{COUNT}
from engine.render import numba_code
numba_code.WHEN_IDLE = ()  # other tests leave no processor idle for minutes
compiling.FOLDER = PORTABLE
with event.install_listener("numba:compile", here := Count()):
    Compilation(lines.append, (halve,), may_be_portable=True).wait((halve,))
    while lines and len(lines) < 2: time.sleep(0.01)
print(here.count, halve.is_cached, *lines, sep="\\n")
"""


@pytest.fixture
def new_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Kernel]:
    """Make a kernel that only this process knows."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(compiling, "KERNELS", {})

    def make() -> Kernel:
        file = tmp_path / "fill.py"
        file.write_text(FILL)
        names: dict[str, Any] = {"__name__": "fill"}
        exec(compile(FILL, file, "exec"), names)
        return small_kernel("float64[::1]")(names["fill"])

    return make


def filled(kernel: Kernel) -> list[float]:
    out = np.zeros(4)
    kernel(out)
    return out.tolist()


def test_other_processes_compile_and_report(tmp_path: Path) -> None:
    """A process that compiles holds the GIL for seconds, which would stop the picture."""
    here, *lines = run_python(COMPILE_TWO, NUMBA_CACHE_DIR=str(tmp_path)).splitlines()
    assert here == "0"
    assert lines[0] == "compiling the renderer for this processor, once per machine"
    assert re.fullmatch(r"still compiling after \d+ s: \d of 2 functions are done", lines[1])
    assert lines[-1].startswith("compiled in ") and str(tmp_path) in lines[-1]


def test_a_kernel_is_compiled_here_if_the_process_for_it_ends(new_kernel: Any, caplog: Any) -> None:
    fill, lines, is_over = new_kernel(), [], threading.Event()

    def report(line: str) -> None:
        lines.append(line)
        if line.startswith("compiled"):
            is_over.set()

    Compilation(report, (fill,)).wait((fill,))  # the process does not know this kernel
    assert filled(fill) == [1, 1, 1, 1]
    assert "the process that compiles fill has ended: it is compiled here" in caplog.text
    assert is_over.wait(120) and len(lines) == 2


def test_nothing_is_compiled_during_a_show(new_kernel: Callable[..., Kernel]) -> None:
    fill = new_kernel()
    assert filled(fill) == [1, 1, 1, 1]
    with pytest.raises(TypeError):
        fill(np.zeros((2, 2)))
    with pytest.raises(TypeError):
        fill(np.zeros(4, np.float32))


def test_a_full_disk_prevents_only_caching(new_kernel: Callable[..., Kernel]) -> None:
    lines: list[str] = []
    fill = new_kernel()
    folder = own_folder()
    assert folder is not None
    folder.rmdir()
    folder.touch()  # blocks every write there
    fill.prepare(lines.append)
    assert filled(fill) == [1, 1, 1, 1]
    (line,) = lines
    assert line.startswith(f"compiled code cannot be kept in {folder} (")
    assert line.endswith("): compiled at each start")


def test_cached_code_is_not_used_after_a_change_of_a_file_it_depends_on(
    new_kernel: Any, monkeypatch: Any
) -> None:
    was_cached = []
    for stamp in ((1, 2), (1, 2), (1, 3)):
        monkeypatch.setattr("engine.render.compiling._shared_stamp", lambda stamp=stamp: stamp)
        fill = new_kernel()
        was_cached.append(fill.is_cached)
        if not fill.is_cached:
            fill.prepare()
    assert was_cached == [False, True, False]


def test_every_kernel_is_compiled_at_the_first_start_and_stamped_with_all_files_it_imports() -> (
    None
):
    folder = Path(compiling.__file__).parent
    imported = set()
    for file in folder.glob("numba_*.py"):
        if file.name not in ("numba_renderer.py", "numba_code.py"):  # no kernels
            imported |= set(
                re.findall(
                    r"^from engine\.render(?:\.| import )(\w+)",
                    file.read_text("utf-8"),
                    re.MULTILINE,
                )
            )
    assert {name for name in imported if not name.startswith("numba_")} == set(
        compiling.NUMBER_FILES
    )
    # So it does not matter what was run first.
    assert {kernel.name for kernel in ALL} == set(KERNELS) and len(ALL) == len(KERNELS)


def test_without_a_cache_folder_it_is_compiled_at_each_start_with_a_report(
    new_kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "fill.py" / "cache"))
    fill = new_kernel()
    assert own_folder() is None and not fill.is_cached
    Compilation(lines.append, (fill,)).wait((fill,))
    assert filled(fill) == [1, 1, 1, 1]
    assert "at each start" in lines[0] and "NUMBA_CACHE_DIR" in lines[0]


def test_the_first_picture_is_drawn_with_portable_code_and_the_next_with_code_for_this_processor(
    tmp_path: Path, require: Callable[[object, str], None]
) -> None:
    """As `multiverse run` after an installation, which makes the portable code in the same way."""
    target = compat_numba.target(numba_post.halve._code._dispatcher)
    require(portable_target(target), "an x86-64 processor")
    portable = {
        "NUMBA_CPU_NAME": compiled_code.PORTABLE,
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    run_python("from engine.render.numba_post import halve; halve.prepare()", **portable)
    (folder,) = tmp_path.iterdir()
    draw = DRAW_PORTABLY.replace("PORTABLE", f"Path({str(folder)!r})")
    own = {"NUMBA_CACHE_DIR": str(tmp_path / "own")}
    here, is_cached, *lines = run_python(draw, **own).splitlines()
    assert (here, is_cached) == ("0", "True")
    assert (
        lines[0]
        == "drawing with code for any processor; compiling for this one beside, for the next start"
    )
    assert re.fullmatch(r"compiled in [\d.]+ s for the next start; cached in .*own.*", lines[1])
    assert run_python(draw, **own).splitlines() == ["0", "True"]

    nowhere = {"NUMBA_CACHE_DIR": str(tmp_path / "own" / "file" / "cache")}
    (tmp_path / "own" / "file").touch()
    here, is_cached, line = run_python(draw.replace("< 2", "< 1"), **nowhere).splitlines()
    assert (here, is_cached) == ("0", "False") and line.endswith(
        "can be written: set NUMBA_CACHE_DIR to one that can"
    )


def test_code_for_processors_with_avx2_is_not_run_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = ("x86_64-unknown-linux-gnu", "celeron", "")
    every = dict.fromkeys(compiled_code.NEEDED, True)
    monkeypatch.setattr(compiled_code.binding, "get_host_cpu_features", lambda: every)
    assert portable_target(target) == (target[0], "x86-64-v3", "")
    assert portable_target(("aarch64-apple-darwin", "apple-m1", "")) is None
    every["avx2"] = False
    assert portable_target(target) is None


@pytest.mark.parametrize(
    "change", ["other sources", "other Numba", "other processor", "torn", "empty", "others write"]
)
def test_code_that_is_stale_foreign_torn_or_not_ours_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def file(processor: str = "znver4", sources: int = 1) -> CodeFile:
        return CodeFile(tmp_path, "fill", ("linux", processor, "+avx2"), sources)

    lines: list[str] = []
    file().write(b"code")
    assert file().read(lines.append) == b"code" and not lines
    path, other = (
        file().path,
        file("znver5" if "processor" in change else "znver4", 1 + ("sources" in change)),
    )
    if change == "other Numba":
        monkeypatch.setattr("numba.__version__", "0.1")
        other = file()
    elif change in ("torn", "empty"):
        path.write_bytes(path.read_bytes()[:-1] if change == "torn" else b"")
    elif change == "others write":
        path.chmod(0o666)
    elif change == "other processor":
        path.rename(other.path)
    assert other.read(lines.append) is None
    reasons = {"torn": "damaged", "empty": "damaged", "others write": "others can write it"}
    assert len(lines) == (change in reasons) and all(
        f"is not used ({reasons[change]}): compiled again" in line for line in lines
    )


def test_a_second_start_compiles_nothing_live_or_offline_with_camera_effects_or_neither() -> None:
    """The tests themselves are the first start."""
    Compilation(lambda line: None).wait()
    assert run_python(SHOW) == "0 []"


def test_until_trails_layer_5_and_effects_are_compiled_it_draws_without_them(
    picture: Any, monkeypatch: Any
) -> None:
    camera = np.random.default_rng(3).integers(0, 255, (36, 64, 3), np.uint8)
    look = {"/layer/5/intensity": 1.0, "/feedback/amount": 0.9, "/post/bloom": 1.0}
    late = (numba_kernels.image_part, numba_kernels.feedback_part, numba_post.compose)
    assert set(late) <= set(numba_code.LATER)

    def draw_last(changes: dict[str, Any], layer5: np.ndarray | None) -> np.ndarray:
        renderer = NumbaRenderer(64, 36)
        for _ in range(3):
            renderer.draw(picture(changes, layer5=layer5))
        pixels = renderer.read_rgba()
        renderer.close()
        return pixels

    whole = draw_last(look, camera)
    with monkeypatch.context() as patched:
        for kernel in late:
            patched.setattr(kernel, "is_ready", False)
            for loading in ("load_cached", "prepare"):
                patched.setattr(kernel, loading, lambda *args, **options: True)
        without = draw_last(look, camera)
        assert np.array_equal(without, draw_last({}, None))
    assert not np.array_equal(without, whole)
    assert np.array_equal(draw_last(look, camera), whole)


def test_a_picture_waits_for_what_its_look_needs(
    picture: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = NumbaRenderer(64, 36)
    renderer.draw(picture({"/feedback/amount": 0.0}))
    whole = renderer.read_rgba()
    needed = numba_kernels.PARTS[: numba_kernels.IMAGE]
    for part in needed:
        monkeypatch.setattr(part, "is_ready", False)
    renderer.draw(picture({"/feedback/amount": 0.0}))
    assert np.array_equal(renderer.read_rgba(), whole)
    assert numba_kernels.PARTS[numba_kernels.LIGHT].is_ready and not all(
        part.is_ready for part in needed
    )
    renderer.close()
