"""Compiles all kernels in several processes, and reports progress to the user.

Numba compiles on one core and holds the GIL for seconds. So processes of our own compile the kernels into the cache,
and this process reads them from there. Without a cache they are compiled here, one after the other.
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
from engine.render.compiling import KERNELS, Kernel
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.python_process import start_python

log = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 5.0
NICENESS = 10  # of what is compiled beside the picture
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
"""All others; compiled right after, so that the next start finds them. A picture that needs one waits."""
ALL = (*FIRST, *LATER)


class Compilation:
    """Compiles kernels or loads them from the cache."""

    def __init__(
        self,
        on_progress: Callable[[str], None],
        kernels: Sequence[Kernel] = ALL,
        *,
        every_s: float = PROGRESS_INTERVAL_S,
    ) -> None:
        """Load what is cached and begin to compile the rest on threads, which report to `on_progress`."""
        self._on_progress = on_progress
        self._problems: set[str] = set()
        self._guard = Guard(log, lambda key, line: None, "compiling", "compiling failed")
        self._waiting: deque[Kernel] = deque()
        self._changed = threading.Condition()
        for kernel in kernels:
            if kernel.is_ready or kernel.is_cached:
                kernel.prepare(self._report_problem)
            else:
                self._waiting.append(kernel)
        self._open = {kernel.name for kernel in self._waiting}
        if not self._open:
            return
        for kernel in self._waiting:
            kernel.is_free.clear()
        folder = self._waiting[0].folder
        often = (
            "once per machine" if folder else "at each start, as no cache folder can be written: set NUMBA_CACHE_DIR"
        )
        on_progress(f"compiling the renderer for this processor, {often}")
        GuardedThread("compiling", lambda: self._report_progress(folder, every_s), self._guard).start()
        for _ in range(min(os.cpu_count() or 1, len(self._open)) if folder else 1):
            GuardedThread("compiling kernels", lambda: self._compile(is_cached=folder is not None), self._guard).start()

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
                    log.warning("the process that compiles %s has ended: it is compiled here", kernel.name)
                    compiler = None
                self._guard.attempt(partial(kernel.load, self._report_problem))
                kernel.is_free.set()
                with self._changed:
                    self._open.remove(kernel.name)
                    self._changed.notify_all()

    def _next(self) -> Kernel | None:
        with self._changed:
            return self._waiting.popleft() if self._waiting else None

    def _report_problem(self, line: str) -> None:
        """Report each problem once: kernels mostly have the same one."""
        if line not in self._problems:
            self._problems.add(line)
            self._on_progress(line)

    def _report_progress(self, folder: Path | None, every_s: float) -> None:
        began_s, count = time.perf_counter(), len(self._open)
        with self._changed:
            while not self._changed.wait_for(lambda: not self._open, every_s):
                took_s, done = time.perf_counter() - began_s, count - len(self._open)
                self._on_progress(f"still compiling after {took_s:.0f} s: {done} of {count} functions are done")
        took_s = time.perf_counter() - began_s
        self._on_progress(f"compiled in {took_s:.1f} s{f'; cached in {folder}' if folder else ''}")


def _start_compiler() -> "subprocess.Popen[bytes] | None":
    """Start a process that compiles into our cache; None if that fails."""
    environment = {"NUMBA_CACHE_DIR": folder} if (folder := getattr(config, "CACHE_DIR", "")) else {}
    try:
        return start_python(
            __name__,
            "main()",
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
