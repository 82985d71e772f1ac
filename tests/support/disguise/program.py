"""What a disguised process does for a test: imports each of our modules and runs console commands
one after another, or plays a whole show. Files lie in the working folder."""

import contextlib
import importlib
import io
import json
import os
import signal
import sys
import threading
import time
import traceback
import urllib.request
from typing import Any

from tests.support.free_port import free_port
from tests.support.other_system import ROOT

ELSEWHERE = (  # these run inside Blender and TouchDesigner, and exit elsewhere
    "engine.dataset.cycles.blender_main",
    "touchdesigner.build_component",
    "touchdesigner.builder",
    "touchdesigner.example",
)


def import_all() -> dict[str, str]:
    """The traceback of each module that cannot be imported, by its name."""
    failed = {}
    for path in [
        path
        for package in ("engine", "osc_schema", "touchdesigner")
        for path in (ROOT / package).rglob("*.py")
    ]:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name not in ELSEWHERE:
            try:
                importlib.import_module(name)
            except BaseException:
                failed[name] = traceback.format_exc()
    return failed


# -- commands

NAME = "夜の森 🌲 Bär"
FOLDER = "録画 ö"
DONE, FAILED, USAGE = 0, 1, 2
SMALL = ("--size", "128x72", "--fps", "30", "--audio", "demo")
PORTS = ("--osc", "127.0.0.1:0", "--web", "127.0.0.1:0")
COMMANDS: list[tuple[int, tuple[str, ...]]] = [
    (DONE, ("--help",)),
    (DONE, ("run", "--help")),
    (DONE, ("devices",)),
    (DONE, ("preset", "export", "Aurora", "--to", f"{NAME}.toml")),
    (DONE, ("preset", "import", f"{NAME}.toml", "--name", NAME)),
    (DONE, ("preset", "import", f"{NAME}.toml", "--name", NAME, "--overwrite")),
    (DONE, ("preset", "list")),
    (DONE, ("preset", "show", NAME)),
    (DONE, ("preset", "delete", NAME)),
    (DONE, ("preset", "restore", NAME)),
    (DONE, ("preset", "export", NAME)),
    (DONE, ("preset", "picture", NAME, f"{NAME}.jpg", "--size", "128x72", "--seconds", "0.6")),
    (FAILED, ("preset", "show", "狐")),
    (FAILED, ("preset", "save", NAME, "--to", "127.0.0.1:9")),
    (FAILED, ("osc", "send", "/layer/1/angle", "45", "--to", "127.0.0.1:9", "--wait")),
    (DONE, ("schema", "markdown")),
    *((DONE, ("schema", kind, f"{FOLDER}/{kind}")) for kind in ("max", "touchosc")),
    (DONE, ("run", *SMALL, "--offline", "--frames", "3", "--sink", f"record={FOLDER}/a.mp4")),
    (DONE, ("run", *SMALL, *PORTS, "--frames", "3", "--sink", f"snapshot={FOLDER}/{NAME}.png")),
    (FAILED, ("run", *SMALL, *PORTS, "--frames", "3", "--camera", "狐.mp4")),
    (FAILED, ("model", "check", "狐")),
    (FAILED, ("segment", "狐.mp4", "aus.mp4", "--prompt", "Bär", "--model", "狐")),
    (FAILED, ("video", "狐.mp4", "aus.mp4", "--prompt", "Bär", "--model", "狐")),
    (USAGE, ("run", "--size", "狐")),
    (DONE, ("doctor",)),
]


def say(*arguments: str) -> tuple[int, str, str]:
    """`say("preset", "list")` runs a command: its exit code (99: a traceback), stdout and
    stderr."""
    from engine.cli.main import main

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    out, err = io.BytesIO(), io.BytesIO()
    streams = [
        io.TextIOWrapper(out, "utf-8", "strict"),
        io.TextIOWrapper(err, "utf-8", "backslashreplace"),
    ]
    sys.argv = ["multiverse", *arguments]
    code = 0
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            code = 99
            traceback.print_exc()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return code, out.getvalue().decode(), err.getvalue().decode()


def say_all() -> list[tuple[str, int, int, str, str]]:
    """Run each of COMMANDS: its arguments, the expected exit code, and the result of `say`."""
    return [(" ".join(arguments), expected, *say(*arguments)) for expected, arguments in COMMANDS]


# -- a show: the command `run` has the main thread, a second thread is the audience

SECONDS = 60.0  # at most; Wine takes 30 to start


def play() -> dict[str, Any]:
    """Play a show and return what its audience observed, by name; `faults` are its tracebacks."""
    osc, web = free_port(), free_port()
    seen: dict[str, Any] = {"faults": []}
    audience = threading.Thread(target=_attend, args=(osc, web, seen), daemon=True)
    audience.start()
    code, out, err = say(
        "run", *SMALL, "--renderer", "gl", "--seconds", f"{SECONDS:g}",
        "--osc", f"127.0.0.1:{osc}", "--web", f"127.0.0.1:{web}",
        "--sink", "record=録画 ö/live.mp4", "--sink", "snapshot=録画 ö/bild.png",
        "--sink", f"shared={NAME}", "--json",
    )  # fmt: skip
    audience.join(10.0)
    seen |= {"code": code, "out": out, "err": err}
    if code == 0:
        seen["summary"] = json.loads(out)
    seen["files"] = sorted(
        os.path.relpath(os.path.join(folder, name))
        for folder, _, names in os.walk(".")
        for name in names
    )
    seen["torch"] = "torch" in sys.modules
    return seen


def _attend(osc: int, web: int, seen: dict[str, Any]) -> None:
    from engine.control.client import OscClient
    from engine.osc.encode import encode_message

    try:
        page = f"http://127.0.0.1:{web}"
        seen["page"] = _fetch(page + "/", {"Accept": "text/html"})[:15].decode()
        seen["host_info"] = json.loads(_fetch(page + "/?HOST_INFO"))["NAME"]
        seen["frame"] = _fetch(page + "/frame.jpg")[:2].hex()
        client = OscClient("127.0.0.1", osc)
        over_tcp = OscClient("127.0.0.1", osc, tcp=True)
        seen["answers"] = answers = []
        for address, *arguments in (
            ("/preset/save", NAME),
            ("/layer/1/angle", 45.0),
            ("/preset/save", NAME),  # replaces the one before, which is kept
            ("/preset/restore", NAME),
            ("/preset/load", NAME),
            ("/cue/set", 1, NAME),
            ("/cue/go",),
            ("/map/add", "osc /surface/fader", "/layer/1/angle"),
            ("/map/save", "Pult ä"),
            ("/sink/start", "snapshot", "Bühne.png"),
            ("/preset/delete", NAME),
            ("/preset/restore", NAME),
        ):
            client.send(encode_message(address, *arguments))
            if address != "/layer/1/angle":
                answers.append([address, *_answer(client)])
        over_tcp.send(encode_message("/sync", 7))
        seen["synced"] = list(_answer(over_tcp))
        over_tcp.close()
        client.send(encode_message("/engine/quit"))
        client.close()
    except BaseException:
        seen["faults"].append(traceback.format_exc())
        signal.raise_signal(signal.SIGINT)


def _fetch(url: str, headers: dict[str, str] | None = None) -> bytes:
    """Retried until the server accepts connections."""
    end_s = time.perf_counter() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, headers=headers or {}), timeout=SECONDS
            ) as answer:
                return answer.read()
        except OSError as error:
            if time.perf_counter() > end_s or not isinstance(
                getattr(error, "reason", None), ConnectionRefusedError
            ):
                raise
            time.sleep(0.02)


def _answer(client: Any) -> tuple[Any, ...]:
    while (message := client.receive(20.0)) is not None:
        if message.address in ("/done", "/fail", "/synced"):
            return (message.address, *message.args)
    raise TimeoutError("no answer")


def echo() -> dict[str, Any]:
    """A child, started as on the other system, that returns a picture twice as bright."""
    import numpy as np

    from engine.children.spec import ChildSpec
    from engine.children.supervisor import Supervisor
    from engine.ipc import FrameRing

    replies: list[str] = []
    spec = ChildSpec(name="echo", loop="tests.children.echo:run", settings={"gain": 2.0})
    supervisor = Supervisor(spec, report=lambda key, line: replies.append(line))
    source = FrameRing.create("echo in", 8, 4, channels=3)
    supervisor.start()
    supervisor.connect_input("source", source.segment)
    sequence, end_s = 0, time.perf_counter() + SECONDS
    while not supervisor.outputs.get("picture"):
        assert time.perf_counter() < end_s, (replies, supervisor.status())
        sequence += 1
        source.write(np.full((4, 8, 3), 20, np.uint8), index=sequence, time_s=0.0)
        time.sleep(0.01)
    reader = FrameRing.attach(supervisor.outputs["picture"])
    while (frame := reader.latest()) is None:
        assert time.perf_counter() < end_s
    seen = {
        "pixel": int(frame.pixels[0, 0, 0]),
        "replies": replies,
        "status": supervisor.status().state,
    }
    reader.close()
    supervisor.close()
    source.close()
    return seen
