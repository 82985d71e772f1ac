"""Compiles all kernels in several processes, and reports progress to the user.

Numba compiles on one core and holds the GIL for seconds. So processes of our own compile the
kernels onto the disk, and this process reads them from there. Where nothing can be written they are
compiled here, one after the other.

A live picture is drawn with portable code where there is any (compiled_code.py), while a process of
the lowest priority compiles for this very processor; the next start uses that. The two round
differently: one value in 30 000 differs, by 1 of 255. So a run never changes from one to the other,
and offline only code for this processor is used.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from numba import config

from engine.errors import ChildError
from engine.render import (
    numba_finish,
    numba_graphics,
    numba_kernels,
    numba_layers,
    numba_light,
    numba_masks,
    numba_post,
)
from engine.render.compiled_code import own_folder
from engine.render.compiling import KERNELS, Kernel
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.python_process import start_python

log = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 5.0
NICENESS = 10  # of what is compiled beside the picture, and may be needed by it
WHEN_IDLE = "engine.system.priority", "call_when_idle('engine.render.numba_code', 'main')"
NO_FOLDER = "no cache folder can be written: set NUMBA_CACHE_DIR to one that can"
FIRST: tuple[Kernel, ...] = (
    numba_kernels.draw_row,
    numba_layers.trace_part,
    numba_light.light_part,
    numba_kernels.mix_part,
    numba_finish.publish_picture,
    numba_finish.sum_cells,
)
"""Kernels of the first picture; the longest first, as they are compiled side by side."""
LATER: tuple[Kernel, ...] = (
    numba_layers.shape_part,
    numba_layers.stripes_part,
    numba_kernels.blend_part,
    numba_light.ramp_part,
    numba_kernels.feedback_part,
    numba_finish.publish_limited,
    numba_kernels.image_part,
    numba_post.compose,
    numba_post.gather_light,
    numba_post.add_risen,
    numba_post.halve,
    numba_graphics.composite_row,
    numba_masks.paint_mask_row,
    numba_masks.paint_id_row,
    numba_finish.publish_deep,
)
"""All others; compiled right after, so that the next start finds them. A picture that needs one
waits."""
ALL = (*FIRST, *LATER)


class Compilation:
    """Compiles kernels or loads them from the disk."""

    def __init__(
        self,
        on_progress: Callable[[str], None],
        kernels: Sequence[Kernel] = ALL,
        *,
        may_be_portable: bool = False,
        every_s: float = PROGRESS_INTERVAL_S,
    ) -> None:
        """Load what is on the disk and begin to compile the rest on threads, which report to
        `on_progress`.

        may_be_portable: Use portable code where there is none for this processor, and compile that
        beside."""
        self._on_progress = on_progress
        self._problems: set[str] = set()
        self._guard = Guard(log, lambda key, line: None, "compiling", "compiling failed")
        self._changed = threading.Condition()
        missing = [
            each
            for each in kernels
            if not each.is_ready and not each.load_cached(self._report_problem)
        ]
        loading = partial(Kernel.load_cached, on_problem=self._report_problem, is_portable=True)
        portable = [each for each in missing if may_be_portable and loading(each)]
        self._waiting = deque(each for each in missing if not each.is_ready)
        self._open = {kernel.name for kernel in self._waiting}
        folder = own_folder()
        if self._open:
            self._begin(folder, every_s)
        if portable and folder:
            GuardedThread(
                "compiling beside", lambda: self._compile_beside(portable, folder), self._guard
            ).start()
        elif portable:
            on_progress(f"drawing with code for any processor, as {NO_FOLDER}")

    def _begin(self, folder: Path | None, every_s: float) -> None:
        """Compile what a picture waits for."""
        for kernel in self._waiting:
            kernel.is_free.clear()
        often = "once per machine" if folder else f"at each start, as {NO_FOLDER}"
        self._on_progress(f"compiling the renderer for this processor, {often}")
        GuardedThread(
            "compiling", lambda: self._report_progress(folder, every_s), self._guard
        ).start()
        for _ in range(min(os.cpu_count() or 1, len(self._open)) if folder else 1):
            GuardedThread(
                "compiling kernels",
                lambda: self._compile(is_cached=folder is not None),
                self._guard,
            ).start()

    def wait(self, kernels: Sequence[Kernel] = ALL) -> None:
        """Wait until these kernels are ready. Raises the error of a failed compilation."""
        for kernel in kernels:
            kernel.prepare(self._report_problem)

    def _compile(self, *, is_cached: bool) -> None:
        """Compile kernels until none is waiting."""
        with ExitStack() as ending:
            compiler = _start_compiler() if is_cached else None
            if compiler is not None:
                ending.enter_context(compiler)
            while (kernel := self._next()) is not None:
                if compiler is not None and not _has_compiled(compiler, kernel):
                    log.warning(
                        "the process that compiles %s has ended: it is compiled here", kernel.name
                    )
                    compiler = None
                self._guard.attempt(partial(kernel.load, self._report_problem))
                kernel.is_free.set()
                with self._changed:
                    self._open.remove(kernel.name)
                    self._changed.notify_all()

    def _compile_beside(self, kernels: Sequence[Kernel], folder: Path) -> None:
        """Compile for this processor what is drawn with portable code, for the next start."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open)
        began_s = time.perf_counter()
        self._on_progress(
            "drawing with code for any processor; compiling for this one beside, for the next start"
        )
        compiler = _start_compiler(*WHEN_IDLE)
        if compiler is None:
            return
        with compiler:
            is_whole = all(
                _has_compiled(compiler, kernel) and kernel.is_cached for kernel in kernels
            )
        how = (
            f"compiled in {time.perf_counter() - began_s:.1f} s"
            if is_whole
            else "not all is compiled"
        )
        self._on_progress(f"{how} for the next start; cached in {folder}")

    def _next(self) -> Kernel | None:
        with self._changed:
            return self._waiting.popleft() if self._waiting else None

    def _report_problem(self, line: str) -> None:
        """Report each problem once: kernels mostly have the same one."""
        if line not in self._problems:
            self._problems.add(line)
            self._on_progress(line)

    def _report_progress(self, folder: Path | None, every_s: float) -> None:
        began_s = time.perf_counter()
        count = len(self._open)
        with self._changed:
            while not self._changed.wait_for(lambda: not self._open, every_s):
                took_s = time.perf_counter() - began_s
                done = count - len(self._open)
                self._on_progress(
                    f"still compiling after {took_s:.0f} s: {done} of {count} functions are done"
                )
        took_s = time.perf_counter() - began_s
        self._on_progress(f"compiled in {took_s:.1f} s{f'; cached in {folder}' if folder else ''}")


def _start_compiler(
    module: str = __name__, call: str = "main()"
) -> "subprocess.Popen[bytes] | None":
    """Start a process that compiles into our folder; None if that fails."""
    environment = (
        {"NUMBA_CACHE_DIR": folder} if (folder := getattr(config, "CACHE_DIR", "")) else {}
    )
    try:
        return start_python(
            module,
            call,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            environment=environment,
        )
    except (OSError, ChildError) as error:
        log.warning("no process can be started to compile (%s): this one compiles", error)
        return None


def _has_compiled(compiler: "subprocess.Popen[bytes]", kernel: Kernel) -> bool:
    """Let the process compile a kernel, and wait; False if the process has ended."""
    assert compiler.stdin is not None and compiler.stdout is not None
    try:
        compiler.stdin.write(f"{kernel.name}\n".encode())
        compiler.stdin.flush()
    except OSError:
        return False
    return compiler.stdout.readline().decode().strip() == kernel.name


def main() -> None:
    """Compile each kernel whose name comes in as a line, and answer with the line."""
    is_first = True
    for line in sys.stdin:
        kernel = KERNELS[line.strip()]
        if is_first and kernel in LATER and sys.platform != "win32":
            is_first = False
            os.nice(NICENESS)
        kernel.prepare()
        sys.stdout.write(f"{kernel.name}\n")
        sys.stdout.flush()
