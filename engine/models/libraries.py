"""The libraries of the extra `models`, which a light install leaves out. Does not import any of
them."""

import platform
import sys
from importlib.util import find_spec

from engine.errors import ModelError
from engine.system.installing import install_line

LIBRARIES = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors")


def missing_libraries() -> list[str]:
    """Names of the libraries of the extra `models` that are not installed."""
    return [name for name in LIBRARIES if find_spec(name) is None]


def require_libraries() -> None:
    """Raise ModelError, in one line with the install command, if libraries that models need are
    missing."""
    missing = missing_libraries()
    if not missing:
        return
    if "torch" in missing and sys.platform == "darwin" and platform.machine() == "x86_64":
        raise ModelError(
            "models need PyTorch, which has no build for Intel Macs any more "
            "(docs/reference/platforms.md)"
        )
    raise ModelError(
        f"models need {', '.join(missing)}, which are not installed: {install_line('[models]')}"
    )
