"""Main function of the vetting process: tests shader files, one at a time, until its input closes.

The process may hang or crash in a driver at any time; its parent kills it then
(`system/trial_process.py`).
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from engine.errors import IsfError, in_one_line
from engine.ipc import Gate
from engine.render.isf.parse import parse_isf
from engine.render.isf.vet_record import pack_file
from engine.system.trial_process import Answer, serve_orders

MAX_GROWTH_BYTES: Final = 3 << 30  # address space beyond what the driver has at the start; Linux
POLL_S: Final = 0.0005


def main(gate: str, niceness: int) -> None:
    """Answer requests until the input closes. gate: Name of the engine's gate, or ""."""
    serve_orders(
        lambda: partial(_answer, _open_trial(gate)),
        niceness=niceness,
        max_growth_bytes=MAX_GROWTH_BYTES,
    )


def _open_trial(gate_name: str) -> Any:
    from engine.render.context import is_software, load_finish, open_context
    from engine.render.isf.trial import Trial

    context = open_context()
    is_on_cpu = is_software(context.info["GL_RENDERER"])
    # on a CPU the low priority is enough
    gate = Gate.open(gate_name) if gate_name and not is_on_cpu else None
    return Trial(
        context, load_finish(), is_software=is_on_cpu, before_draw=partial(wait_for_gate, gate)
    )


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


def _answer(trial: Any, request: dict[str, Any], phase: Any) -> Answer:
    """Test one file. Returns the message and the pictures that follow it: thumbnail and imported
    images."""
    path = Path(request["path"]) if request["path"] else None
    try:
        phase("reading")
        file = parse_isf(request["text"], path=path, vertex=request["vertex"])
        result = trial.run(file, tuple(request["size_px"]), phase, is_sound=request["is_sound"])
    except IsfError as error:
        return {"ok": False, "reason": error.reason, "line": error.line}, []
    except MemoryError:
        return {"ok": False, "reason": "the shader takes too much memory", "line": None}, []
    except Exception as error:
        # moderngl raises plain exceptions; whatever a hostile file brings about is a reason to
        # refuse it.
        if isinstance(error, BrokenPipeError):
            raise
        return {
            "ok": False,
            "reason": f"the GL driver refuses it: {in_one_line(error)}",
            "line": None,
        }, []
    images = {id(each.pixels): each.pixels for each in result.file.imports}
    pictures = [result.thumbnail, *images.values()]
    numbers = {each: number for number, each in enumerate(images, 1)}
    return {
        "ok": True,
        "file": pack_file(result.file),
        "note": result.note,
        "draw_ms": result.draw_ms,
        "pictures": [each.shape for each in pictures],
        "imports": [(each.name, numbers[id(each.pixels)]) for each in result.file.imports],
    }, pictures
