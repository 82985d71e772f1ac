"""Compiles Numba's kernels, keeps the code where that is possible, and tells the user meanwhile.

Numba compiles a function when it is first called, for seconds of a processor's time, and keeps the result on the disk:
in `NUMBA_CACHE_DIR`, else beside our own files, else in the user's cache folder. Where none of these can be written it
refuses to define the function at all; here it is then compiled at each start.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numba import njit, typeof
from numba.core import event
from numba.core.caching import NullCache
from numba.np.ufunc import threading_layer

from engine.system.guarded_thread import Guard, GuardedThread

log = logging.getLogger(__name__)

Tell = Callable[[str], None]

TELL_EVERY_S = 5.0
# Stages are called by kernels only: without the wrappers that Python would call them by they compile faster.
STAGE_OPTIONS: dict[str, Any] = {
    "fastmath": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
Function = TypeVar("Function", bound=Callable[..., object])

# Compiled, these give plain numbers. NumPy's stubs know scalars of their own only, which are no float or int.
float32: Callable[[float], float] = np.float32  # type: ignore[assignment]
int32: Callable[[float], int] = np.int32  # type: ignore[assignment]


def stage(function: Function) -> Function:
    """A part of kernels, compiled into them."""
    compiled: Function = njit(**STAGE_OPTIONS)(function)
    return compiled


class Kernel:
    """A function that Numba compiles in parallel. It may be called from any thread.

    Numba's own threads, its layer "workqueue", end the process where two threads are in parallel functions at once
    (numba/np/ufunc/workqueue.c). On macOS there is no other: its wheel has no libomp.dylib, which its layer for OpenMP
    links to. Elsewhere that layer is taken, which allows it. With "workqueue", and until the first call has loaded a
    layer, kernels take turns.
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
    """The function compiled in parallel and without the GIL, kept on the disk where that is possible."""
    return Kernel(_kept(function, parallel=True))


def small_kernel(function: Callable[..., None]) -> Any:
    """The same on one core: to share out a tenth of a millisecond costs more than it saves."""
    return _kept(function, parallel=False)


def _kept(function: Callable[..., None], *, parallel: bool) -> Any:
    options: dict[str, Any] = {"fastmath": True, "error_model": "numpy", "nogil": True, "parallel": parallel}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # nowhere to keep it
        return njit(**options)(function)


def cache_folder(compiled: Any) -> Path | None:
    """Where the code of this kernel is kept; None where it cannot be."""
    path = compiled.stats.cache_path
    return Path(path) if path else None


def prepare(compiled: Any, tell: Tell, *args: object) -> None:
    """Compile the kernel for arguments of these types, or take it from the disk, and call it once; idempotent.

    After that a call with arguments of other types is a TypeError: compiling would stall a show for seconds.
    """
    _prepare(compiled, tell, lambda: compiled(*args))


def prepare_beside(compiled: Any, tell: Tell, *args: object) -> None:
    """The same without the call, on a thread beside the one that draws."""
    _prepare(compiled, tell, lambda: compiled.compile(tuple(typeof(arg) for arg in args)))  # type: ignore[no-untyped-call]  # Numba's `typeof` has no annotations


def _prepare(compiled: Any, tell: Tell, act: Callable[[], object]) -> None:
    compiled.disable_compile(False)
    try:
        act()
    except OSError as error:  # a full disk, files of another user: for this run it can do without
        tell(f"compiled code cannot be kept in {cache_folder(compiled)} ({error.strerror}): each start compiles it")
        dispatcher = compiled.dispatcher if isinstance(compiled, Kernel) else compiled
        dispatcher._cache = NullCache()
        act()
    compiled.disable_compile()


class _Progress(event.Listener):
    """Counts the functions that are compiled. Called on the thread that compiles."""

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
def told(tell: Tell, folder: Path | None, every_s: float = TELL_EVERY_S) -> Iterator[None]:
    """Tell when Numba compiles inside, now and then how far it is, and where the result is kept: `folder`.

    Nothing is told where all of it comes from the disk.
    """
    began_s = 0.0
    is_over = threading.Event()

    def begin() -> None:
        nonlocal began_s
        began_s = time.perf_counter()
        often = (
            "once on a machine" if folder else "at each start, as no cache folder can be written: set NUMBA_CACHE_DIR"
        )
        tell(f"compiling the renderer for this processor, {often}")
        thread.start()

    def go_on() -> None:
        while not is_over.wait(every_s):
            tell(f"still compiling after {time.perf_counter() - began_s:.0f} s: {progress.done} functions are done")

    guard = Guard(log, lambda key, line: None, "compiling", "telling how far the compiling is failed")
    thread = GuardedThread("compiling", go_on, guard)
    progress = _Progress(begin)
    try:
        with event.install_listener("numba:compile", progress):
            yield
    finally:
        is_over.set()
        if thread.is_started:
            thread.join()
            tell(f"compiled in {time.perf_counter() - began_s:.1f} s{f'; kept in {folder}' if folder else ''}")
