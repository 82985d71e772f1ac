# Syphon's library is for macOS only. Without this stub pyright takes engine/sinks/syphon.py for it.
from typing import Any

def __getattr__(name: str) -> Any: ...
