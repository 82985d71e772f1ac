"""Compiles parts of models with torch.compile's inductor.

Compiling happens in the first call with each shape; `CompilingThread` makes that call beside the plain parts. Weights
are inputs of the compiled code. Never `max-autotune`, which tries kernels for minutes. Compiled code is kept on the
disk, in TORCHINDUCTOR_CACHE_DIR: by default in the user's cache folder, as torch's own default is a temporary one.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from types import FunctionType
from typing import Any

import torch

from engine.errors import ModelError, in_one_line
from engine.models.device_work import device_wait, is_device_lost, own_stream
from engine.models.graphs import DirectCalls, Part, State, cloned
from engine.system.daemon_worker import call_on_thread
from engine.system.installing import install_line

CACHE = "TORCHINDUCTOR_CACHE_DIR"
COMPILERS = ("gcc", "clang")
SHAPES_KEPT = 64  # per part; beyond torch's default of 8 shapes it would silently run uncompiled


def require_compiler(device: torch.device, asked: str) -> None:
    """Raise ModelError if inductor's compiler is not installed. `asked`: the setting that needs it, for the message."""
    if device.type == "cpu":
        from torch._inductor.cpp_builder import get_cpp_compiler
        from torch._inductor.exc import InvalidCxxCompiler

        try:
            get_cpp_compiler()
        except InvalidCxxCompiler:
            raise ModelError(f"{asked}: needs a C++ compiler on a CPU (g++, clang++, or Visual Studio's cl)") from None
    elif device.type == "cuda":
        _require_triton(asked)


def _require_triton(asked: str) -> None:
    """On Linux Triton compiles its launcher with the system's C compiler and Python's headers at the first kernel
    (triton/runtime/build.py). The package for Windows brings a compiler and the headers."""
    from torch.utils._triton import has_triton, has_triton_package

    package = "triton-windows" if sys.platform == "win32" else "triton"
    if not has_triton_package():
        raise ModelError(f"{asked}: Triton is not installed; {install_line(package)}")
    if not has_triton():
        raise ModelError(f"{asked}: Triton needs a newer card: GTX 16, RTX 20 or later (compute capability 7.0)")
    if sys.platform == "win32":
        return
    wanted = os.environ.get("CC")
    if not any(shutil.which(name) for name in ([wanted] if wanted else COMPILERS)):
        missing = f"CC={wanted} is not a program" if wanted else "gcc or clang, which Triton needs, is not installed"
        raise ModelError(f"{asked}: {missing}; sudo apt install gcc, or set CC to a C compiler")
    scheme = sysconfig.get_default_scheme()
    headers = Path(sysconfig.get_path("include", "posix_prefix" if scheme == "posix_local" else scheme))  # as Triton
    if not (headers / "Python.h").is_file():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise ModelError(
            f"{asked}: {headers / 'Python.h'}, which Triton needs, is missing; sudo apt install python{version}-dev"
        )


def compiled(part: Callable[..., Any], backend: str = "inductor") -> Callable[..., Any]:
    """`part`, a plain function, compiled again for every shape it is called with."""
    import torch._dynamo
    import torch._inductor.config

    torch._inductor.config.compile_threads = 1  # the pool's processes would outlive a killed child
    keep_cache()
    torch._dynamo.config.recompile_limit = SHAPES_KEPT
    # A code object of its own: torch counts there how often it compiled, and the pieces of a UNet are closures of two.
    assert isinstance(part, FunctionType)
    own = FunctionType(part.__code__.replace(), part.__globals__, part.__name__, part.__defaults__, part.__closure__)
    return torch.compile(own, backend=backend, dynamic=False)


def keep_cache() -> None:
    """Set the variable CACHE to a folder of the user, unless it is set. XDG_CACHE_HOME moves that folder."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "multiverse" / "inductor"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # torch's temporary folder serves until the next start of the machine
    os.environ.setdefault(CACHE, str(folder))


class CompilingThread:
    """Makes the first call of compiled parts in a thread, one shape at a time, while the plain parts run. Called on the
    model's thread, in a process that ends with `os._exit`, as children do: Python's own end would abort in the
    compiler. On CUDA the call has a stream of its own. There nothing may be captured meanwhile: inductor times its
    kernels and waits for the whole device (torch/_inductor/runtime/benchmarking.py), which is illegal during a capture
    and breaks it."""

    def __init__(self, device: torch.device, tell: Callable[[str], None]) -> None:
        """`tell(line)` is called when a shape begins to compile and when it is ready or has failed."""
        self._device, self._tell = device, tell
        self._is_ready: dict[Hashable, bool] = {}
        """For each key that was compiled; False if that failed."""
        self._current: tuple[Hashable, Future[None]] | None = None

    def may_capture(self) -> bool:
        """False while a call is under way."""
        return self._current is None or self._current[1].done()

    def is_ready(self, key: Hashable) -> bool:
        """True if the parts were called with this key. Raises the error of a call that has lost the device."""
        if self._current is not None and self._current[1].done():
            (done, future), self._current = self._current, None
            error = future.exception()
            if error is not None and is_device_lost(error):
                raise error
            self._is_ready[done] = error is None
            self._tell(
                "compiled; the picture is faster from now on"
                if error is None
                else f"cannot compile; the picture stays as it is, not faster ({in_one_line(error)})"
            )
        return self._is_ready.get(key, False)

    def begin(self, key: Hashable, parts: Sequence[Part], inputs: State) -> None:
        """Call these parts, unless that was done or another call is under way. Arguments as in `Calls.run`."""
        if self._current is not None or key in self._is_ready:
            return
        own = {name: cloned(value) for name, value in inputs.items()}
        stream = None
        if self._device.type == "cuda":
            stream = own_stream(self._device)
            stream.wait_stream(torch.cuda.current_stream(self._device))
        self._current = key, call_on_thread("compiling", self._call, parts, own, stream)
        self._tell("compiling beside the picture")

    def _call(self, parts: Sequence[Part], inputs: State, stream: Any) -> None:
        # Each thread has these settings of its own; code compiled without gradients serves only calls without.
        with torch.no_grad(), nullcontext() if stream is None else torch.cuda.stream(stream):
            DirectCalls().run(None, parts, inputs)
            device_wait(self._device)()
