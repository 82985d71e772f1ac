"""The channels of output 8, from the lines of `/engine/status`. Pure."""

from collections.abc import Iterable
from typing import Any

VALUES = {
    "fps": "fps",
    "frame_ms": "frame_ms_p99",
    "latency_ms": "latency_ms_p99",
    "late": "late",
    "dropped": "dropped",
}
"""Channels that are numbers of the status."""
FLAGS = ("tempo_free", "guard", "bypassed", "children_lost")
"""1 while: the tempo runs on without its clock; the flash guard holds light back; a shader is left
out because it failed or is too slow. children_lost is a number."""
ERRORS = (
    "err_link",
    "err_sound",
    "err_camera",
    "err_children",
    "err_shaders",
    "err_sinks",
    "err_picture",
    "err_audio_in",
    "err_callbacks",
)
NAMES = ("connected", *VALUES, "bpm", "beat_sure", "children", *FLAGS, "err", *ERRORS)
"""`err` is 1 while any other error flag is."""
LOST = {
    "sound": ("lost", "permission?"),
    "camera": ("lost",),
    "children": ("hung", "restarting", "failed"),
    "shaders": ("failed", "bypassed"),
    "sinks": ("retrying", "failed"),
}
"""States, of the engine's status, that are errors."""


def channels_of(lines: Iterable[tuple[str, list[Any]]]) -> dict[str, float]:
    """Values of the channels of output 8 from a complete status; `lines` without
    `/engine/status/`."""
    values = dict.fromkeys((*VALUES, "bpm", "beat_sure", "children", *FLAGS), 0.0)
    values |= dict.fromkeys(
        ("err_sound", "err_camera", "err_children", "err_shaders", "err_sinks"), 0.0
    )
    for key, args in lines:
        kind, _, rest = key.partition("/")
        if kind == "beat":
            _, state, values["bpm"], values["beat_sure"] = args[:4]
            values["tempo_free"] = float(state == "free")
        elif kind == "flash_guard":
            values["guard"] = float(args[0] == "limiting")
        elif kind in ("audio", "camera"):
            name = "sound" if kind == "audio" else kind
            values[f"err_{name}"] = float(args[0] in LOST[name])
        elif kind == "child" and rest.endswith("/state"):
            values["children"] += 1.0
            values["children_lost"] += float(args[0] in LOST["children"])
            values["err_children"] = float(values["children_lost"] > 0.0)
        elif kind == "shader":
            values["bypassed"] = max(values["bypassed"], float(args[1] in LOST["shaders"]))
            values["err_shaders"] = values["bypassed"]
        elif kind == "sink":
            values["err_sinks"] = max(values["err_sinks"], float(args[1] in LOST["sinks"]))
    facts = {key: args[0] for key, args in lines if args}
    return values | {name: float(facts[key]) for name, key in VALUES.items() if key in facts}


def tempo_text(source: str, state: str, bpm: float) -> str:
    """The text that Status shows for the tempo: a free one looks different from one that follows
    its clock."""
    how = {
        "following": f"follows {source}",
        "free": f"FREE: {source} is silent or unsure, the tempo runs on",
    }
    return f"{bpm:.1f} bpm, {how.get(state, 'by hand')}"
