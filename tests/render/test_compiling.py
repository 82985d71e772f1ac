"""Compiling of Numba's kernels and its progress reports."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import prange

from engine.render import compiling, numba_kernels
from engine.render.compiling import cache_folder, kernel, prepare, reporting_progress
from engine.render.numba_renderer import NumbaRenderer
from tests.render.test_renderers import run_python

FILL = "def fill(out):\n    for i in prange(out.size):\n        out[i] = 1\n"


def new_kernel(file: Path | None) -> Any:
    """A kernel with that source file; None for no file, so that it cannot be cached."""
    names: dict[str, Any] = {"prange": prange, "__name__": "fill"}
    if file is not None:
        file.write_text(FILL)
    exec(compile(FILL, file or "<nowhere>", "exec"), names)
    return kernel(names["fill"])


def test_compiling_reports_progress_and_is_cached_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    lines: list[str] = []
    goes_on = threading.Event()

    def on_progress(line: str) -> None:
        lines.append(line)
        if line.startswith("still"):
            goes_on.set()

    fill = new_kernel(tmp_path / "fill.py")
    with reporting_progress(on_progress, cache_folder(fill), every_s=0.01):
        prepare(fill, on_progress, np.zeros(4))
        assert goes_on.wait(30)
    assert lines[0] == "compiling the renderer for this processor, once per machine"
    assert lines[1].startswith("still compiling after ") and lines[1].endswith(" functions are done")
    assert lines[-1].startswith("compiled in ") and lines[-1].endswith(f"; cached in {cache_folder(fill)}")
    assert str(tmp_path / "cache") in lines[-1]
    lines.clear()
    again = new_kernel(tmp_path / "fill.py")
    with reporting_progress(on_progress, cache_folder(again)):
        prepare(again, on_progress, np.zeros(4))
    assert lines == []
    with pytest.raises(TypeError):
        again(np.zeros((2, 2)))  # nothing is compiled during a show


def test_cached_code_is_not_used_after_a_change_of_a_file_that_its_stages_or_numbers_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numba itself looks at the kernel's own file only."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    hits = []
    for stamp in ((1, 2), (1, 2), (1, 3)):
        monkeypatch.setattr("engine.render.compiling._shared_stamp", lambda stamp=stamp: stamp)
        fill = new_kernel(tmp_path / "fill.py")
        prepare(fill, lambda line: None, np.zeros(4))
        hits.append(sum(fill.stats.cache_hits.values()))
    assert hits == [0, 1, 0]


def test_the_stamp_covers_all_files_that_kernels_import() -> None:
    folder = Path(compiling.__file__).parent
    imported = set()
    for file in folder.glob("numba_*.py"):
        if file.name != "numba_renderer.py":  # no kernel
            imported |= set(re.findall(r"^from engine\.render\.(\w+) import", file.read_text("utf-8"), re.MULTILINE))
    numbers = {f"{name}.py" for name in imported if not name.startswith("numba_")}
    assert numbers == set(compiling.NUMBER_FILES)


def test_without_a_cache_folder_it_is_compiled_at_each_start_with_a_report() -> None:
    lines: list[str] = []
    fill, out = new_kernel(None), np.zeros(4)
    assert cache_folder(fill) is None
    with reporting_progress(lines.append, None):
        prepare(fill, lines.append, out)
    assert out.tolist() == [1, 1, 1, 1]
    assert "at each start" in lines[0] and "NUMBA_CACHE_DIR" in lines[0]
    assert lines[-1].startswith("compiled in ") and "cached" not in lines[-1]


def test_a_full_disk_prevents_only_caching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    lines: list[str] = []
    fill, out = new_kernel(tmp_path / "fill.py"), np.zeros(4)
    folder = cache_folder(fill)
    assert folder is not None
    folder.rmdir()
    folder.touch()  # blocks every write there
    prepare(fill, lines.append, out)
    assert out.tolist() == [1, 1, 1, 1]
    assert lines == [f"compiled code cannot be cached in {folder} (Not a directory): compiled at each start"]


def test_only_kernels_that_a_run_needs_are_compiled() -> None:
    """The default run has no camera and no model: one picture kernel without layer 5, no masks. The kernel with
    layer 5 is compiled on a thread when a camera is opened."""
    told = run_python(
        "from engine import Config, open_engine\n"
        "config = Config(width=64, height=64, fps=30, audio='demo', renderer='numba', sinks=('null',))\n"
        "with open_engine(config) as engine:\n"
        "    engine.run(count=2)\n"
        "    from engine.render.numba_kernels import draw_picture\n"
        "    from engine.render.numba_masks import paint_ids, paint_masks\n"
        "    told = [len(draw_picture.signatures), str(draw_picture.signatures[0]).count('none'),\n"
        "            len(paint_masks.signatures), len(paint_ids.signatures)]\n"
        "    from threading import Thread\n"
        "    beside = Thread(target=engine._parts.drawing.announce_layer5)\n"
        "    beside.start()\n"
        "    while beside.is_alive(): engine.run(count=1)\n"
        "    print(*told, len(draw_picture.signatures), str(draw_picture.signatures[1]).count('none'))\n"
    )
    assert told == "1 2 0 0 2 0"


@pytest.mark.parametrize("changes", [{}, {"/mode": "simple"}, {"/multiverse/tone": "clip", "/feedback/amount": 0.9}])
def test_kernels_without_layer_5_draw_the_same_and_a_later_layer_5_is_drawn(
    picture: Callable, changes: dict[str, Any]
) -> None:
    shown = []
    camera = np.random.default_rng(3).integers(0, 255, (36, 64, 3), np.uint8)
    for has_layer5 in (True, False):
        renderer = NumbaRenderer(64, 36, has_layer5=has_layer5, has_masks=False)
        pictures = []
        for layer5 in (None, None, camera):
            renderer.draw(picture(changes | {"/layer/5/intensity": 1.0}, layer5=layer5))
            pictures.append(renderer.read_rgba().astype(int))
        renderer.close()
        shown.append(np.stack(pictures))
    assert np.abs(shown[0] - shown[1]).max() <= 1
    assert shown[0][2].std() > 10
    assert {len(signature) for signature in numba_kernels.draw_picture.signatures} == {7}
