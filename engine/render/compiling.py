"""Compiles Numba's kernels, caches the code if possible, and reports progress to the user.

Numba compiles a function at its first call, which takes seconds, and caches the code on the disk: in `NUMBA_CACHE_DIR`,
else beside our own files, else in the user's cache folder. If none of these can be written, Numba refuses to define the
function; we then compile it at each start.

Numba would use cached code again while the kernel's own file is unchanged, although its stages and numbers are in other
files, too. So the cache is stamped with the contents of all of them.
"""

import logging
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numba import njit, typeof
from numba.core import event
from numba.core.caching import NullCache
from numba.np.ufunc import threading_layer

from engine.system.guarded_thread import Guard, GuardedThread

log = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 5.0
NUMBER_FILES = (
    "blue_noise.py",
    "compiling.py",
    "flash_levels.py",
    "frame_block.py",
    "mask_look.py",
    "post_look.py",
)  # beside numba_*.py
# Stages are called by kernels only: they compile faster without wrappers for calls from Python.
STAGE_OPTIONS: dict[str, Any] = {
    "fastmath": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
Function = TypeVar("Function", bound=Callable[..., object])

# Compiled, these return plain numbers. NumPy's stubs only know its own scalar types.
float32: Callable[[float], float] = np.float32  # type: ignore[assignment]  # see above
int32: Callable[[float], int] = np.int32  # type: ignore[assignment]  # see above
uint64: Callable[[int], int] = np.uint64  # type: ignore[assignment]  # see above; an index of which is never negative


def stage(function: Function) -> Function:
    """Compile a function that kernels call."""
    compiled: Function = njit(**STAGE_OPTIONS)(function)
    return compiled


class Kernel:
    """A function that Numba compiles in parallel. Thread-safe.

    Numba's own threading layer "workqueue" ends the process if two threads run parallel functions at once
    (numba/np/ufunc/workqueue.c). macOS has no other layer: the wheel lacks libomp.dylib, which the OpenMP layer links
    to. Elsewhere the OpenMP layer is used, which allows it. With "workqueue", and until the first call has loaded a
    layer, a lock serialises kernels.
    """

    def __init__(self, dispatcher: Any) -> None:
        self.dispatcher = dispatcher

    def __call__(self, *args: object) -> None:
        if _is_thread_safe():
            self.dispatcher(*args)
        else:
            with _turn:
                self.dispatcher(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dispatcher, name)


_turn = threading.Lock()


def _is_thread_safe() -> bool:
    try:
        return bool(threading_layer() != "workqueue")
    except ValueError:  # none is loaded yet
        return False


def kernel(function: Callable[..., None]) -> Kernel:
    """The function compiled in parallel and without the GIL, cached on the disk if possible."""
    return Kernel(_kept(function, parallel=True))


def small_kernel(function: Callable[..., None]) -> Any:
    """The same on one core: for work of a tenth of a millisecond threads cost more than they save."""
    return _kept(function, parallel=False)


def _kept(function: Callable[..., None], *, parallel: bool) -> Any:
    options: dict[str, Any] = {"fastmath": True, "error_model": "numpy", "nogil": True, "parallel": parallel}
    try:
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache
        return njit(**options)(function)
    compiled._cache._cache_file._source_stamp = source_stamp(Path(function.__code__.co_filename))
    return compiled


def source_stamp(own: Path) -> tuple[int, ...]:
    """Checksums of a kernel's own file and of all files that kernels take stages and numbers from."""
    return zlib.crc32(own.read_bytes()), *_shared_stamp()


@cache
def _shared_stamp() -> tuple[int, ...]:
    folder = Path(__file__).parent
    files = [*sorted(folder.glob("numba_*.py")), *(folder / name for name in NUMBER_FILES)]
    return tuple(zlib.crc32(file.read_bytes()) for file in files)


def cache_folder(compiled: Any) -> Path | None:
    """Folder of this kernel's cached code, or None if it cannot be cached."""
    path = compiled.stats.cache_path
    return Path(path) if path else None


def prepare(compiled: Any, on_progress: Callable[[str], None], *args: object) -> None:
    """Compile the kernel for arguments of these types, or load it from the cache, and call it once. Idempotent.

    After that a call with other types raises TypeError, because compiling would stall a show for seconds.
    """
    _prepare(compiled, on_progress, lambda: compiled(*args))


def prepare_in_background(compiled: Any, on_progress: Callable[[str], None], *args: object) -> None:
    """`prepare` without the call, for use on a thread other than the drawing one."""
    _prepare(compiled, on_progress, lambda: compiled.compile(tuple(typeof(arg) for arg in args)))  # type: ignore[no-untyped-call]  # Numba's `typeof` has no annotations


def _prepare(compiled: Any, on_progress: Callable[[str], None], act: Callable[[], object]) -> None:
    compiled.disable_compile(False)
    try:
        act()
    except OSError as error:  # a full disk or another user's files: this run works without the cache
        on_progress(
            f"compiled code cannot be cached in {cache_folder(compiled)} ({error.strerror}): compiled at each start"
        )
        dispatcher = compiled.dispatcher if isinstance(compiled, Kernel) else compiled
        dispatcher._cache = NullCache()
        act()
    compiled.disable_compile()


class _Progress(event.Listener):
    """Counts compiled functions. Called on the thread that compiles."""

    def __init__(self, began: Callable[[], None]) -> None:
        self.done = 0
        self.depth = 0
        self._began = began

    def on_start(self, event: event.Event) -> None:
        if not self.done and not self.depth:
            self._began()
        self.depth += 1

    def on_end(self, event: event.Event) -> None:
        self.depth -= 1
        self.done += 1


@contextmanager
def reporting_progress(
    on_progress: Callable[[str], None], folder: Path | None, every_s: float = PROGRESS_INTERVAL_S
) -> Iterator[None]:
    """Report when Numba compiles inside the block, its progress, and the cache folder.

    Reports nothing if everything comes from the cache.
    """
    began_s = 0.0
    is_over = threading.Event()

    def begin() -> None:
        nonlocal began_s
        began_s = time.perf_counter()
        often = (
            "once per machine" if folder else "at each start, as no cache folder can be written: set NUMBA_CACHE_DIR"
        )
        on_progress(f"compiling the renderer for this processor, {often}")
        thread.start()

    def go_on() -> None:
        while not is_over.wait(every_s):
            on_progress(
                f"still compiling after {time.perf_counter() - began_s:.0f} s: {progress.done} functions are done"
            )

    guard = Guard(log, lambda key, line: None, "compiling", "reporting the progress of compiling failed")
    thread = GuardedThread("compiling", go_on, guard)
    progress = _Progress(begin)
    try:
        with event.install_listener("numba:compile", progress):
            yield
    finally:
        is_over.set()
        if thread.is_started:
            thread.join()
            on_progress(f"compiled in {time.perf_counter() - began_s:.1f} s{f'; cached in {folder}' if folder else ''}")
