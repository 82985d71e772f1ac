"""Compiles parts of models with torch.compile's inductor.

Compiling happens in the first call with each shape; `CompilingThread` makes that call while the
plain parts run. Weights are inputs of the compiled code. The mode `max-autotune` is not used,
because it tries kernels for minutes. Compiled code is cached in TORCHINDUCTOR_CACHE_DIR, by default
in the user's cache; torch's default is temporary.
"""

import os
import shutil
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from types import FunctionType
from typing import Any

import torch

from engine.errors import ModelError, in_one_line
from engine.models.compat.torch import prepare_inductor
from engine.models.device_work import device_wait, is_device_lost, own_stream
from engine.models.graphs import DirectRunner, Part, State, clone_state
from engine.system.daemon_worker import call_on_thread
from engine.system.installing import install_line

CACHE = "TORCHINDUCTOR_CACHE_DIR"
COMPILERS = ("gcc", "clang")
STEADY_CALLS = 8
"""The call in which a shape is worth compiling: what passes by is not, and no other part can be
captured meanwhile."""
MAX_SHAPES = 64  # per part; beyond torch's default of 8 shapes it would silently run uncompiled


def require_compiler(device: torch.device, what: str) -> None:
    """Raise ModelError if inductor's compiler is not installed. `what`: the setting that needs it,
    for the message."""
    if device.type == "cpu":
        from engine.models.compat.torch import InvalidCxxCompiler, get_cpp_compiler

        try:
            get_cpp_compiler()
        except InvalidCxxCompiler:
            raise ModelError(
                f"{what}: needs a C++ compiler on a CPU (g++, clang++, or Visual Studio's cl)"
            ) from None
    elif device.type == "cuda":
        _require_triton(what)


def _require_triton(what: str) -> None:
    """Raise ModelError if Triton cannot compile. On Linux it needs the system's C compiler and
    Python's headers (triton/runtime/build.py). The package for Windows includes a compiler and the
    headers."""
    from engine.models.compat.torch import has_triton, has_triton_package

    package = "triton-windows" if sys.platform == "win32" else "triton"
    if not has_triton_package():
        raise ModelError(f"{what}: Triton is not installed; {install_line(package)}")
    if not has_triton():
        raise ModelError(
            f"{what}: Triton needs a newer card: GTX 16, RTX 20 or later (compute capability 7.0)"
        )
    if sys.platform == "win32":
        return
    cc = os.environ.get("CC")
    if not any(shutil.which(name) for name in ([cc] if cc else COMPILERS)):
        missing = (
            f"CC={cc} is not a program"
            if cc
            else "gcc or clang, which Triton needs, is not installed"
        )
        raise ModelError(f"{what}: {missing}; sudo apt install gcc, or set CC to a C compiler")
    scheme = sysconfig.get_default_scheme()
    headers = Path(
        sysconfig.get_path("include", "posix_prefix" if scheme == "posix_local" else scheme)
    )  # as Triton
    if not (headers / "Python.h").is_file():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise ModelError(
            f"{what}: {headers / 'Python.h'}, which Triton needs, is missing; sudo apt install "
            f"python{version}-dev"
        )


def compile_part(part: Callable[..., Any], backend: str = "inductor") -> Callable[..., Any]:
    """Compile `part`, a plain function; it is compiled again for every shape it is called with."""
    prepare_inductor()
    set_cache_folder()
    torch.compiler.config.recompile_limit = MAX_SHAPES
    # Use a new code object: torch counts compilations in it, and the pieces of a UNet share two
    # code objects.
    assert isinstance(part, FunctionType)
    own = FunctionType(
        part.__code__.replace(),
        part.__globals__,
        part.__name__,
        part.__defaults__,
        part.__closure__,
    )
    return torch.compile(own, backend=backend, dynamic=False)


def set_cache_folder() -> None:
    """Set the environment variable CACHE, unless it is set, to a folder in the user's cache
    (XDG_CACHE_HOME)."""
    folder = (
        Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        / "multiverse"
        / "inductor"
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # torch then uses its temporary folder
    os.environ.setdefault(CACHE, str(folder))


class CompilingThread:
    """Compiles parts by a first call in a thread, one shape at a time, while the plain parts run.
    Use it on the model's thread, in a process that ends with `os._exit`, as children do: Python's
    normal exit would abort in the compiler. On CUDA the call has its own stream, and no CUDA graph
    may be captured meanwhile: inductor times its kernels and waits for the whole device
    (torch/_inductor/runtime/benchmarking.py), which breaks a capture."""

    def __init__(self, device: torch.device, report: Callable[[str], None]) -> None:
        """`report(line)` is called when a shape begins to compile, and when it is ready or has
        failed."""
        self._device = device
        self._report = report
        self._calls: Counter[Hashable] = Counter()
        self._is_ready: dict[Hashable, bool] = {}
        """For each compiled key: False if compiling failed."""
        self._current: tuple[Hashable, Future[None]] | None = None

    def may_capture(self) -> bool:
        """False while a call is under way."""
        return self._current is None or self._current[1].done()

    def is_ready(self, key: Hashable) -> bool:
        """True if the parts are compiled for this key. Raises the error of a call in which the
        device was lost."""
        if self._current is not None and self._current[1].done():
            done, future = self._current
            self._current = None
            error = future.exception()
            if error is not None and is_device_lost(error):
                raise error
            self._is_ready[done] = error is None
            self._report(
                "compiled; the picture is faster from now on"
                if error is None
                else "cannot compile; the picture stays as it is, not faster "
                f"({in_one_line(error)})"
            )
        return self._is_ready.get(key, False)

    def begin(self, key: Hashable, parts: Sequence[Part], inputs: State) -> None:
        """Start compiling these parts in the STEADY_CALLS-th call with the key, or later if another
        is being compiled. Arguments: `ChainRunner.run`."""
        self._calls[key] += 1
        if self._current is not None or key in self._is_ready or self._calls[key] < STEADY_CALLS:
            return
        own = {name: clone_state(value) for name, value in inputs.items()}
        stream = None
        if self._device.type == "cuda":
            stream = own_stream(self._device)
            stream.wait_stream(torch.cuda.current_stream(self._device))
        self._current = key, call_on_thread("compiling", self._call, parts, own, stream)
        self._report("compiling beside the picture")

    def _call(self, parts: Sequence[Part], inputs: State, stream: Any) -> None:
        # These settings are per thread. Code compiled without gradients can only be called without
        # gradients.
        with torch.no_grad(), nullcontext() if stream is None else torch.cuda.stream(stream):
            DirectRunner().run(None, parts, inputs)
            device_wait(self._device)()
