"""`multiverse doctor --selftest`: send a test card through this system's texture sink to another
process.

The only way to verify on an unknown machine that pictures arrive upright and unchanged.
"""

import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from engine.cli.probe import Answer, Probe
from engine.errors import MultiverseError, SinkError
from engine.system.clock import SystemClock
from engine.system.package_version import package_version
from engine.values import FrameId, PublishedFrame, TextureRef

FPS = 30.0
TOLERANCE = 2  # of 255; tolerance for a GPU's colour conversion
ONE_CARD = (
    "start ms-settings:display-advancedgraphics, then choose one card for python.exe and "
    "the receiver"
)


def texture_sink(system: str) -> str:
    """The texture sharing sink of this system; `system` as in `sys.platform`."""
    return {"darwin": "syphon", "win32": "spout"}.get(system, "shared")


def run_selftest() -> dict[str, Any]:
    """Publish, receive and compare; returns the result as plain JSON data. Main thread only (macOS
    requires it). Where no texture arrives the card goes through shared memory instead, and the
    result says both."""
    result = send_card(texture_sink(sys.platform))
    if result["passed"] or result["sink"] == "shared":
        return result
    by_memory = send_card("shared")
    if not by_memory["passed"]:
        return result
    return {**by_memory, "as_texture": result["detail"], "fix": result.get("fix", "")}


def send_card(kind: str) -> dict[str, Any]:
    """Send the card through the sink `kind` to another process, and compare what arrives there."""
    from engine.sources.test_card import draw_background, draw_card

    result: dict[str, Any] = {
        "passed": False,
        "sink": kind,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "engine": package_version(),
    }
    rgb = draw_card(draw_background(), 0)
    card = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        target = Path(folder) / "received.npy"
        try:
            answer, described = _publish_until_received(kind, card, target)
        except MultiverseError as error:
            return {**result, "detail": str(error)}
        result.update(described)
        if answer.error:
            return {
                **result,
                "detail": f"receiving: {answer.error}",
                "fix": ONE_CARD if kind == "spout" else "",
            }
        result["listed_as"] = answer.values["listed_as"]
        received = np.load(target)
    result.update(compare(rgb, received))
    return result


def ask_spout() -> dict[str, Any]:
    """A query of `probe.py`: send a picture by Spout to another process. The error says why it does
    not arrive."""
    result = send_card("spout")
    if not result["passed"]:
        raise SinkError("; ".join(filter(None, (result["detail"], result.get("fix")))))
    return result


def compare(card: np.ndarray, received: np.ndarray) -> dict[str, Any]:
    """Compare `received` with `card`, both (height, width, 3) uint8 RGB with row 0 at the top.
    Pure."""
    if received.shape != card.shape:
        return {"passed": False, "detail": f"size {received.shape[1]}x{received.shape[0]} arrived"}
    turned = {
        "upright": received,
        "upside down": received[::-1],
        "mirrored": received[:, ::-1],
        "turned by 180 degrees": received[::-1, ::-1],
    }
    differences = {
        name: np.abs(picture.astype(np.int16) - card) for name, picture in turned.items()
    }
    orientation = min(differences, key=lambda name: float(differences[name].mean()))
    largest_rgb = differences[orientation].max(axis=(0, 1)).tolist()
    largest = max(largest_rgb)
    passed = orientation == "upright" and largest <= TOLERANCE
    return {
        "passed": passed,
        "orientation": orientation,
        "largest_difference": largest,
        "largest_difference_rgb": largest_rgb,
        "detail": ""
        if passed
        else f"the picture arrived {orientation}, up to {largest} of 255 off",
    }


def _publish_until_received(
    kind: str, card: np.ndarray, target: Path
) -> tuple[Answer, dict[str, Any]]:
    """Publish the card at 30 fps until the other process has it; returns its answer and renderer.
    Raises SinkError."""
    from engine.render.context import open_context
    from engine.sinks.sink import OutputFormat, SinkSpec
    from engine.sinks.sink_set import SinkSet

    height, width = card.shape[:2]
    output_format = OutputFormat(
        width=width,
        height=height,
        fps=FPS,
        sample_rate_hz=0,
        audio_channels=0,
        is_offline=False,
        record_folder=Path(tempfile.gettempdir()),
    )
    problems: list[str] = []
    clock = SystemClock()
    with ExitStack() as stack:
        texture: TextureRef | None = None
        renderer = ""
        if kind != "shared":
            context = open_context()
            stack.callback(context.release)
            upload = context.texture((width, height), 4, card.tobytes())  # row 0 at the top
            stack.callback(upload.release)
            texture = TextureRef(glo=upload.glo, width=width, height=height)
            renderer = context.info["GL_RENDERER"]
        sinks = SinkSet(output_format, clock=clock, report=lambda _key, line: problems.append(line))
        stack.callback(sinks.close)
        sinks.start(SinkSpec(kind=kind, argument=f"Multiverse self-test {os.getpid()}"))
        probe = Probe("receive", kind, sinks.status()[0].name, str(target))
        stack.callback(probe.close)
        index = 0
        start_s = time.perf_counter()
        while not probe.is_done and not problems:
            now = FrameId(index=index, time_s=index / FPS)
            sinks.publish(
                PublishedFrame(
                    id=now, width=width, height=height, texture=texture, read_rgba=lambda: card
                )
            )
            sinks.pump()
            index += 1
            clock.sleep_until(start_s + index / FPS)
        if problems:
            raise SinkError(problems[0])
        return probe.read(), {"renderer": renderer, "detail_of_sink": sinks.status()[0].detail}
