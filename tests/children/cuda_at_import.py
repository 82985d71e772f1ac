"""A module that opens CUDA while it is imported. In place of torch: like its own, the answer is
True in a fork only."""

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

cuda = SimpleNamespace(is_in_bad_fork=False, is_initialized=lambda: False)
cuda._is_in_bad_fork = lambda: cuda.is_in_bad_fork
os.register_at_fork(after_in_child=lambda: setattr(cuda, "is_in_bad_fork", True))
torch: Any = ModuleType("torch")
torch.cuda = cuda
sys.modules["torch"] = torch
