"""A child that misbehaves on request: hangs, raises, exits, dies on a prompt. Paints 8 x 4 pictures
of one value."""

import ctypes
import faulthandler
import os
import sys
import threading
import time

import numpy as np
import psutil

from engine.children.port import ChildPort
from engine.ipc import Phase

CLEAN_PROMPT = "a meadow"


def run(port: ChildPort) -> None:
    """The child's main function: settings `loading`, `compiling` and values `/toy/idle`,
    `/toy/busy` are the `act` in that phase. `grey`: the picture.

    `/toy/prompt` kills the process if "poison" is in it. `/toy/paint` False: publishes nothing.
    """
    port.on_call("empty_cache", lambda: "nothing was kept")
    port.on_call("double", lambda number: str(2 * number))
    port.on_call("grumble", lambda: port.settings["missing"])
    port.enter(Phase.LOADING)
    port.start_trial("model", port.settings.get("model", ""))
    act(port, port.settings.get("loading", ""))
    port.pass_trial("model", port.settings.get("model", ""))
    port.enter(Phase.COMPILING)
    act(port, port.settings.get("compiling", ""))
    period_ns = port.gate.period_ns if port.gate is not None else 0
    grey = port.settings.get("grey", 1)
    port.ready(
        loaded=port.settings.get("model", ""),
        nice=int(psutil.Process().nice()),
        period_ns=period_ns,
        grey=grey,
    )
    writer = None
    index = 0
    while not port.should_stop:
        port.poll()
        port.wants_frame = bool(port.values.get("/toy/wants_frame", False))
        act(port, port.values.get("/toy/idle", ""))
        if port.values.get("/toy/paint", True):
            port.enter(Phase.RUNNING)
            began_s = time.perf_counter()
            act(port, port.values.get("/toy/busy", ""))
            prompt = port.values.get("/toy/prompt", CLEAN_PROMPT)
            port.start_trial("/toy/prompt", prompt)
            if "poison" in prompt:
                psutil.Process().kill()
            height, width = 4, int(port.values.get("/toy/width", 8))
            if writer is None or writer.shape[1] != width:
                writer = port.open_output("picture", width, height)
            index += 1
            grey = port.settings.get("grey", 1)
            source = port.input("source")
            if source is not None and (frame := source.latest()) is not None:
                grey = int(frame.pixels[0, 0, 0])
            writer.write(np.full((height, width, 3), grey, np.uint8), index=index, time_s=0.0)
            port.pass_trial("/toy/prompt", prompt)
            port.facts(prompt=prompt)
            port.result((time.perf_counter() - began_s) * 1000.0)
        time.sleep(0.005)
    act(port, port.settings.get("stopping", ""))


def act(port: ChildPort, what: str) -> None:
    match what:
        case "wait":  # until /toy/go
            while not port.values.get("/toy/go") and not port.should_stop:
                port.poll()
                time.sleep(0.005)
        case "hang":
            port.facts(hangs=True)
            while True:
                time.sleep(1.0)
        case "hold the GIL":
            # unlike CDLL it keeps the GIL
            library = ctypes.PyDLL("kernel32" if sys.platform == "win32" else None)
            (library.Sleep if sys.platform == "win32" else library.usleep)(2**30)
        case "raise":
            raise ZeroDivisionError("one by nought")
        case "exit 3":
            print("three it is")
            os._exit(3)
        case "sys.exit":
            raise SystemExit(4)
        case "kill":
            psutil.Process().kill()
        case "segfault":
            faulthandler._read_null()  # type: ignore[attr-defined]
        case "memory":
            port.fail("memory", "7 GiB requested", is_final=False)
        case "memory, finally":
            port.fail("memory", "7 GiB requested", is_final=True)
        case "memory beside another":
            if len(psutil.Process(os.getppid()).children()) > 1:
                port.fail("memory", "7 GiB requested", is_final=False)
        case "driver":
            port.fail("driver", "the card has failed", is_final=False)
        case "note":
            port.note("odd", "the lake is frozen")
        case "chatter":
            for _ in range(100):
                os.write(2, b"x" * 20_000 + b"\n")


def hum(port: ChildPort) -> None:
    """Doubles the sound of input `voice` into the output of the same name, 100 samples at a
    time."""
    out = port.open_audio_output("voice", 2, 1000, 1.0)
    port.ready()
    while not port.should_stop:
        port.poll()
        voice = port.audio_input("voice")
        block = voice.read(out.end_sample, 100) if voice is not None else None
        if block is not None:
            out.write(2.0 * block)
            port.result(1.0)
        time.sleep(0.005)


def report_modules(port: ChildPort) -> None:
    """Sends facts about the process at its start."""
    facts = {
        "argument": sys.argv[0],
        "threads": threading.active_count(),
        "from stdin": len(sys.stdin.read()),
    }
    port.ready(wave="wave" in sys.modules, **facts)
    while not port.should_stop:
        port.poll()
        time.sleep(0.01)
