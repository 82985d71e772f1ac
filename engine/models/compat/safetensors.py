"""How safetensors reads files on Windows: into memory, not mapped.

A mapped file of several GB ends the process there with torch 2.10 to 2.13 (safetensors #693), and
its commit charge is as large as the file. Does not import torch.
"""

import sys
from typing import Final

BACKEND: Final = "pread" if sys.platform == "win32" else "mmap"
"""For `safe_open`."""


def use_backend(backend: str = BACKEND) -> None:
    """Make `backend` the default of `load_file`, which diffusers and peft call without naming one.
    Imports torch."""
    from safetensors.torch import load_file

    assert load_file.__kwdefaults__ is not None
    load_file.__kwdefaults__["backend"] = backend
