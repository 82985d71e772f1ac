"""Main function of the vetting process: tries shader files, one at a time, until its input closes.

The process may hang or crash in a driver at any time; its parent kills it then. It ends by itself when its parent dies,
even while it hangs: `faulthandler` ends it from a thread that needs no GIL.
"""

import base64
import contextlib
import faulthandler
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from engine.errors import IsfError, MultiverseError, in_one_line
from engine.ipc import Gate
from engine.render.isf.parse import parse_isf
from engine.render.isf.vet_record import pack_file
from engine.system import priority
from engine.system.priority import MAX_NICENESS
from engine.system.worker_process import claim_output

MAX_HANG_S: Final = 90.0  # above every deadline of the parent
MAX_GROWTH_BYTES: Final = 3 << 30  # address space beyond what the driver has at the start; Linux
LINE_BYTES: Final = 192 << 10  # of a picture
POLL_S: Final = 0.0005


def main(gate: str = "") -> None:
    """Answer requests until the input closes. `gate`: name of the engine's gate, or ""."""
    priority.give_way(MAX_NICENESS)
    answers = claim_output()
    with contextlib.suppress(OSError):  # the engine is gone
        serve(answers, gate)


def serve(answers: BinaryIO, gate: str = "") -> None:
    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message).encode() + b"\n")
        answers.flush()

    try:
        trial = _open_trial(gate)
    except MultiverseError as error:
        answer({"refused": in_one_line(error)})
        return
    _limit_memory()
    answer({"ready": True})
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        while request := sys.stdin.buffer.readline():
            faulthandler.dump_traceback_later(MAX_HANG_S, exit=True, file=nowhere)
            message, pictures = _answer(trial, json.loads(request), lambda name: answer({"phase": name}))
            answer(message)
            for each in pictures:
                answers.writelines(_packed(each))
            answers.flush()
            faulthandler.cancel_dump_traceback_later()


def _open_trial(gate_name: str) -> Any:
    from engine.render.context import is_software, load_finish, open_context
    from engine.render.isf.trial import Trial

    context = open_context()
    is_on_cpu = is_software(context.info["GL_RENDERER"])
    gate = Gate.open(gate_name) if gate_name and not is_on_cpu else None  # on a CPU the low priority is enough
    return Trial(context, load_finish(), is_software=is_on_cpu, before_draw=partial(wait_for_gate, gate))


def wait_for_gate(
    gate: Gate | None,
    now_ns: Callable[[], int] = time.perf_counter_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait while the engine draws, at most one frame: a GPU does not let its draws pass ours."""
    if gate is None:
        return
    end_ns = now_ns() + gate.period_ns
    while gate.is_drawing(now_ns()) and now_ns() < end_ns:
        sleep(POLL_S)


def _answer(trial: Any, request: dict[str, Any], phase: Any) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The message, and the pictures that follow it: the thumbnail, and the imported images."""
    path = Path(request["path"]) if request["path"] else None
    try:
        phase("reading")
        file = parse_isf(request["text"], path=path, vertex=request["vertex"])
        tried = trial.run(file, tuple(request["size_px"]), phase)
    except IsfError as error:
        return {"ok": False, "reason": error.reason, "line": error.line}, []
    except MemoryError:
        return {"ok": False, "reason": "the shader takes too much memory", "line": None}, []
    except Exception as error:
        # moderngl raises plain exceptions; whatever a hostile file brings about is a reason to refuse it.
        if isinstance(error, BrokenPipeError):
            raise
        return {"ok": False, "reason": f"the GL driver refuses it: {in_one_line(error)}", "line": None}, []
    images = {id(each.pixels): each.pixels for each in tried.file.imports}
    pictures = [tried.thumbnail, *images.values()]
    places = {each: place for place, each in enumerate(images, 1)}
    return {
        "ok": True,
        "file": pack_file(tried.file),
        "note": tried.note,
        "draw_ms": tried.draw_ms,
        "compile_ms": tried.compile_ms,
        "pictures": [each.shape for each in pictures],
        "imports": [(each.name, places[id(each.pixels)]) for each in tried.file.imports],
    }, pictures


def _packed(pixels: np.ndarray) -> Iterator[bytes]:
    """Lines of base64. They are short because the engine unpacks them, and draws nothing while it unpacks one."""
    flat = np.ascontiguousarray(pixels).reshape(-1)
    for begin in range(0, flat.size, LINE_BYTES):
        yield base64.b64encode(flat[begin : begin + LINE_BYTES].data) + b"\n"


def _limit_memory() -> None:
    """Let a shader whose macros explode end in a MemoryError, or this process, instead of the whole machine."""
    if sys.platform == "linux":
        import resource

        used_bytes = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used_bytes + MAX_GROWTH_BYTES, resource.RLIM_INFINITY))
