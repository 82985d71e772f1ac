"""Compiles Numba's kernels, each for one signature, and caches the code on the disk.

Numba compiles a function at its first call, which takes seconds, and caches the code on the disk: in `NUMBA_CACHE_DIR`,
else beside our own files, else in the user's cache folder. If none of these can be written, Numba refuses to define the
function; we then compile it at each start. numba_code.py compiles all kernels in several processes.

Numba would use cached code again while the kernel's own file is unchanged, although its routines and numbers are in
other files, too. So the cache is stamped with the contents of all of them.

Two habits of Numba are expensive. It optimises a function again inside each function that calls it, and a parallel
loop's body twice more. So rows are drawn by functions that know nothing of the loop, and large parts of a row are
functions of their own: they are called by their addresses, and are compiled once, in different processes. And each set
of argument types is compiled for itself, a read-only array or an absent one too: so every kernel has one signature.
"""

import gc
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, prange, threading_layer, types  # type: ignore[attr-defined]  # not in its __all__
from numba.extending import intrinsic

from engine.render import compat_numba

NUMBER_FILES = "blue_noise compiling flash_guard frame_block graphic look masks".split()  # beside numba_*.py
# Routines are called by kernels only: they compile faster without wrappers for calls from Python.
ROUTINE_OPTIONS: dict[str, Any] = {
    "fastmath": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    **compat_numba.WITHOUT_REFERENCES,
}
Function = TypeVar("Function", bound=Callable[..., object])

# Compiled, these return plain numbers. NumPy's stubs only know its own scalar types.
float32: Callable[[float], float] = np.float32  # type: ignore[assignment]  # see above
int32: Callable[[float], int] = np.int32  # type: ignore[assignment]  # see above
uint64: Callable[[int], int] = np.uint64  # type: ignore[assignment]  # see above; an index of which is never negative
_serial_lock = threading.Lock()
KERNELS: "dict[str, Kernel]" = {}
"""All kernels of the imported files by name."""


def routine(function: Function) -> Function:
    """Compile a function that kernels call."""
    compiled: Any = njit(**ROUTINE_OPTIONS)(function)
    return cast(Function, compiled)


def _call_part(typing: Any, address: Any, number: Any, args: Any) -> Any:
    signature = types.void(address, number, args)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, number_type, tuple_type = signature.args
        arg_types = (number_type, *tuple_type.types)
        function_type = context.call_conv.get_function_type(types.none, arg_types)
        function = builder.inttoptr(values[0], function_type.as_pointer())
        called_with = [values[1], *(builder.extract_value(values[2], index) for index in range(len(tuple_type)))]
        context.call_conv.call_function(builder, function, types.none, arg_types, called_with)
        return context.get_dummy_value()

    return signature, generate


call_part: Callable[[int, int, tuple[Any, ...]], None] = intrinsic(_call_part)  # type: ignore[assignment]  # as compiled
"""Call the compiled function at an address with a number, int32, and the items of a tuple. In kernels only."""


class CompiledFunction:
    """A function compiled for one signature and cached on the disk if possible."""

    def __init__(self, function: Callable[..., None], arg_types: tuple[Any, ...], *, is_parallel: bool = False) -> None:
        self._types = arg_types
        self._dispatcher = _jit(function, is_parallel=is_parallel)
        self.folder = Path(path) if (path := self._dispatcher.stats.cache_path) else None
        """Folder of the cached code; None if it cannot be cached."""

    def __call__(self, *args: object) -> None:
        self._dispatcher(*args)

    @property
    def is_cached(self) -> bool:
        return compat_numba.is_cached(self._dispatcher, self._types)

    def prepare(self) -> int:
        """Compile, or load from the cache, and allow no other types; returns the address of the native function.

        OSError if the cache cannot be written.
        """
        self._dispatcher.disable_compile(False)
        self._dispatcher.compile(self._types)
        self._dispatcher.disable_compile()
        return compat_numba.native_address(self._dispatcher, self._types)

    def disable_cache(self) -> None:
        compat_numba.disable_cache(self._dispatcher)


class Kernel:
    """Compiled code that Python calls, or that other code calls by its address. Thread-safe.

    Numba's own threading layer "workqueue" ends the process if two threads run parallel functions at once
    (numba/np/ufunc/workqueue.c). macOS has no other layer: the wheel lacks libomp.dylib, which the OpenMP layer links
    to. Elsewhere the OpenMP layer is used, which allows it. With "workqueue", and until the first call has loaded a
    layer, a lock serialises kernels.
    """

    def __init__(self, name: str, code: CompiledFunction, loop: CompiledFunction | None = None) -> None:
        self.name = name
        self.codes = (code,) if loop is None else (code, loop)
        self.is_ready = False
        self.is_free = threading.Event()
        """Cleared while a process compiles it."""
        self.is_free.set()
        self._code, self._loop = code, loop
        self._address = np.uint64(0)
        self._preparing = threading.Lock()
        KERNELS[name] = self

    def __call__(self, *args: Any) -> None:
        """Compile first, if that is not done. TypeError if the arguments have other types."""
        if not self.is_ready:
            self.prepare()
        if self._loop is None:
            self._code(*args)
        elif _is_thread_safe():
            self._loop(self._address, len(args[0]), args)
        else:
            with _serial_lock:
                self._loop(self._address, len(args[0]), args)

    @property
    def address(self) -> np.uint64:
        """Address of the native function, for `call_part`; compiles first, if that is not done."""
        if not self.is_ready:
            self.prepare()
        return self._address

    @property
    def folder(self) -> Path | None:
        """Folder of the cached code; None if it cannot be cached."""
        return self._code.folder

    @property
    def is_cached(self) -> bool:
        return all(code.is_cached for code in self.codes)

    def prepare(self, on_problem: Callable[[str], None] = lambda line: None) -> None:
        """Compile, or load from the cache; wait for the process that compiles it. Idempotent; any thread. After that a
        call with other types raises TypeError, because compiling would stall a show for seconds."""
        self.is_free.wait()
        self.load(on_problem)

    def load(self, on_problem: Callable[[str], None]) -> None:
        """Like `prepare`, without waiting for another process."""
        with self._preparing, _gc_paused():
            if self.is_ready:
                return
            try:
                addresses = [code.prepare() for code in self.codes]
            except OSError as error:  # a full disk or another user's files: this run works without the cache
                on_problem(
                    f"compiled code cannot be cached in {self.folder} ({error.strerror}): compiled at each start"
                )
                for code in self.codes:
                    code.disable_cache()
                addresses = [code.prepare() for code in self.codes]
            self._address = np.uint64(addresses[0])
            self.is_ready = True


def _is_thread_safe() -> bool:
    try:
        return bool(threading_layer() != "workqueue")
    except ValueError:  # none is loaded yet
        return False


@contextmanager
def _gc_paused() -> Iterator[None]:
    """Pause garbage collection: compiling creates millions of objects, and collecting takes a sixth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def kernel(signature: str) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel of `function(row, *args)`, row int32: called with `args`, it runs for each row of the first one, in
    parallel and without the GIL. `signature`: the types of args, as Numba writes them."""

    def make(function: Callable[..., None]) -> Kernel:
        arg_types = compat_numba.parse_types(signature)
        loop_types = (types.uint64, types.int64, types.Tuple(arg_types))  # type: ignore[no-untyped-call]
        loop = CompiledFunction(_loop_of(function.__name__), loop_types, is_parallel=True)
        return Kernel(function.__name__, CompiledFunction(function, (types.int32, *arg_types)), loop)

    return make


def small_kernel(signature: str) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel without rows that runs on one core: below 0.1 ms threads cost more than they save."""
    return lambda function: Kernel(function.__name__, CompiledFunction(function, compat_numba.parse_types(signature)))


def part(signature: str) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel of `function(number, *args)`, number int32, that other kernels call with `call_part`."""
    arg_types = (types.int32, *compat_numba.parse_types(signature))
    return lambda function: Kernel(function.__name__, CompiledFunction(function, arg_types))


def _loop_of(name: str) -> Callable[..., None]:
    """Return the parallel loop of one kernel; the cache distinguishes loops by name."""

    def loop(address: int, rows: int, args: tuple[Any, ...]) -> None:
        for row in prange(rows):
            call_part(address, int32(row), args)

    loop.__qualname__ = loop.__name__ = f"{name}_loop"
    return loop


def _jit(function: Callable[..., None], *, is_parallel: bool) -> Any:
    options: dict[str, Any] = {
        "fastmath": True,
        "error_model": "numpy",
        "nogil": True,
        "parallel": is_parallel,
        "no_cfunc_wrapper": True,
    }
    try:
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache
        return njit(**options)(function)
    own = Path(function.__code__.co_filename)
    compat_numba.stamp_cache(compiled, (zlib.crc32(own.read_bytes()), *_shared_stamp()))
    return compiled


@cache
def _shared_stamp() -> tuple[int, ...]:
    """Checksums of all files that kernels take routines and numbers from."""
    folder = Path(__file__).parent
    files = [*sorted(folder.glob("numba_*.py")), *(folder / f"{name}.py" for name in NUMBER_FILES)]
    return tuple(zlib.crc32(file.read_bytes()) for file in files)
