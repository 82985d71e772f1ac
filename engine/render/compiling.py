"""Compiles Numba's kernels, each for one signature, and keeps the code on the disk
(compiled_code.py).

Numba compiles a function at its first call, which takes seconds. numba_code.py compiles all kernels
in several processes. Kept code is used again while the files that a kernel takes its routines and
numbers from are the same.

Two habits of Numba are expensive. It optimises a function again inside each function that calls it,
and a parallel loop's body twice more. So rows are drawn by functions that know nothing of the loop,
and large parts of a row are functions of their own: they are called by their addresses, and are
compiled once, in different processes. And each set of argument types is compiled for itself, a
read-only array or an absent one too: so every kernel has one signature.
"""

import gc
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, prange, threading_layer, types  # type: ignore[attr-defined]  # not in its __all__
from numba.extending import intrinsic

from engine.render import compat_numba
from engine.render.compiled_code import FOLDER, CodeFile, own_folder, portable_target

# beside numba_*.py
NUMBER_FILES = "blue_noise compiling flash_guard frame_block graphic look masks".split()
# Routines are called by kernels only: they compile faster without wrappers for calls from Python.
ROUTINE_OPTIONS: dict[str, Any] = {
    "fastmath": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    **compat_numba.WITHOUT_REFERENCES,
}
KERNEL_OPTIONS: dict[str, Any] = {
    "fastmath": True,
    "error_model": "numpy",
    "nogil": True,
    "no_cfunc_wrapper": True,
}
Function = TypeVar("Function", bound=Callable[..., object])
OnProblem = Callable[[str], None]
ignore: OnProblem = lambda line: None  # noqa: E731

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
        called_with = [
            values[1],
            *(builder.extract_value(values[2], index) for index in range(len(tuple_type))),
        ]
        context.call_conv.call_function(builder, function, types.none, arg_types, called_with)
        return context.get_dummy_value()

    return signature, generate


call_part: Callable[[int, int, tuple[Any, ...]], None] = intrinsic(_call_part)  # type: ignore[assignment]  # as compiled
"""Call the compiled function at an address with a number, int32, and the items of a tuple. In
kernels only."""


class CompiledFunction:
    """A function compiled for one signature, and kept on the disk if possible."""

    def __init__(
        self,
        function: Callable[..., None],
        arg_types: tuple[Any, ...],
        *,
        is_parallel: bool = False,
    ) -> None:
        self._types = arg_types
        self._dispatcher: Any = njit(**KERNEL_OPTIONS, parallel=is_parallel)(function)
        self._name = function.__name__
        own = zlib.crc32(Path(function.__code__.co_filename).read_bytes())
        self._ingredients = (self._name, str(arg_types), own, _shared_stamp())

    def __call__(self, *args: object) -> None:
        self._dispatcher(*args)

    def file(self, *, is_portable: bool = False) -> CodeFile | None:
        """File of the code; None if there can be none."""
        own = compat_numba.target(self._dispatcher)
        folder, target = (FOLDER, portable_target(own)) if is_portable else (own_folder(), own)
        return (
            CodeFile(folder, self._name, target, self._ingredients) if folder and target else None
        )

    def load(self, code: bytes | None, on_problem: OnProblem) -> int:
        """Load this code, or compile and keep it; no other types are allowed then. Returns the
        native address."""
        if self._types not in self._dispatcher.overloads:
            if code is not None:
                compat_numba.add_code(self._dispatcher, code)
            else:
                self._compile(on_problem)
        self._dispatcher.disable_compile()
        return compat_numba.native_address(self._dispatcher, self._types)

    def _compile(self, on_problem: OnProblem) -> None:
        self._dispatcher.compile(self._types)
        if file := self.file():
            try:
                file.write(compat_numba.code_of(self._dispatcher, self._types))
            except OSError as error:  # a full disk or another user's files
                folder = file.path.parent
                on_problem(
                    f"compiled code cannot be kept in {folder} ({error.strerror}): compiled at "
                    "each start"
                )


class Kernel:
    """Compiled code that Python calls, or that other code calls by its address. Thread-safe.

    Numba's own threading layer "workqueue" ends the process if two threads run parallel functions
    at once (numba/np/ufunc/workqueue.c). macOS has no other layer: the wheel lacks libomp.dylib,
    which the OpenMP layer links to. Elsewhere the OpenMP layer is used, which allows it. With
    "workqueue", and until the first call has loaded a layer, a lock serialises kernels."""

    def __init__(
        self, name: str, code: CompiledFunction, loop: CompiledFunction | None = None
    ) -> None:
        self.name = name
        self._codes = (code,) if loop is None else (code, loop)
        self.is_ready = False
        self.is_free = threading.Event()
        """Cleared while a process compiles it."""
        self.is_free.set()
        self._code = code
        self._loop = loop
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
    def is_cached(self) -> bool:
        """True if the code for this processor is on the disk."""
        return None not in self._read(ignore)

    def load_cached(self, on_problem: OnProblem = ignore, *, is_portable: bool = False) -> bool:
        """Load the code for this processor, or portable code, from the disk; False if there is none
        that fits."""
        on_disk = self._read(on_problem, is_portable=is_portable)
        if None not in on_disk:
            self._load(on_disk, on_problem)
        return self.is_ready

    def prepare(self, on_problem: OnProblem = ignore) -> None:
        """Compile, or load from the disk; wait for the process that compiles it. Idempotent; any
        thread. After that a call with other types raises TypeError, because compiling would stall a
        show for seconds."""
        self.is_free.wait()
        self.load(on_problem)

    def load(self, on_problem: OnProblem) -> None:
        """Like `prepare`, without waiting for another process."""
        if not self.is_ready:
            self._load(self._read(on_problem), on_problem)

    def _read(self, on_problem: OnProblem, *, is_portable: bool = False) -> list[bytes | None]:
        files = (code.file(is_portable=is_portable) for code in self._codes)
        return [file.read(on_problem) if file else None for file in files]

    def _load(self, on_disk: Sequence[bytes | None], on_problem: OnProblem) -> None:
        with self._preparing, _gc_paused():
            addresses = [
                code.load(own, on_problem) for code, own in zip(self._codes, on_disk, strict=True)
            ]
            self._address = np.uint64(addresses[0])
            self.is_ready = True


def _is_thread_safe() -> bool:
    try:
        return bool(threading_layer() != "workqueue")
    except ValueError:  # none is loaded yet
        return False


@contextmanager
def _gc_paused() -> Iterator[None]:
    """Pause garbage collection: compiling creates millions of objects, and collecting takes a sixth
    of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def kernel(signature: str) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel of `function(row, *args)`, row int32: called with `args`, it runs for each row
    of the first one, in parallel and without the GIL. `signature`: the types of args, as Numba
    writes them."""

    def make(function: Callable[..., None]) -> Kernel:
        arg_types = compat_numba.parse_types(signature)
        loop_types = (types.uint64, types.int64, types.Tuple(arg_types))  # type: ignore[no-untyped-call]
        loop = CompiledFunction(_loop_of(function.__name__), loop_types, is_parallel=True)
        return Kernel(
            function.__name__, CompiledFunction(function, (types.int32, *arg_types)), loop
        )

    return make


def small_kernel(signature: str) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel without rows that runs on one core: below 0.1 ms threads cost more than they
    save."""
    return lambda function: Kernel(
        function.__name__, CompiledFunction(function, compat_numba.parse_types(signature))
    )


def part(signature: str) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel of `function(number, *args)`, number int32, that other kernels call with
    `call_part`."""
    arg_types = (types.int32, *compat_numba.parse_types(signature))
    return lambda function: Kernel(function.__name__, CompiledFunction(function, arg_types))


def _loop_of(name: str) -> Callable[..., None]:
    """Return the parallel loop of one kernel; the cache distinguishes loops by name."""

    def loop(address: int, rows: int, args: tuple[Any, ...]) -> None:
        for row in prange(rows):
            call_part(address, int32(row), args)

    loop.__qualname__ = f"{name}_loop"
    loop.__name__ = loop.__qualname__
    return loop


@cache
def _shared_stamp() -> tuple[int, ...]:
    """Checksums of all files that kernels take routines and numbers from."""
    folder = Path(__file__).parent
    files = [*sorted(folder.glob("numba_*.py")), *(folder / f"{name}.py" for name in NUMBER_FILES)]
    return tuple(zlib.crc32(file.read_bytes()) for file in files)
