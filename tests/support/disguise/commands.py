"""Runs console commands one after another in this disguised process, each with its own streams."""

import contextlib
import io
import os
import signal
import sys
import traceback

NAME = "夜の森 🌲 Bär"
FOLDER = "録画 ö"
DONE, FAILED, USAGE = 0, 1, 2
SMALL = ("--size", "128x72", "--fps", "30", "--audio", "demo")
PORTS = ("--osc", "127.0.0.1:0", "--web", "127.0.0.1:0")
COMMANDS: list[tuple[int, tuple[str, ...]]] = [
    (DONE, ("--help",)),
    *(
        (DONE, (verb, "--help"))
        for verb in "run sd segment convert video dataset view devices doctor model preset osc schema bench".split()
    ),
    (DONE, ("--version",)),
    (DONE, ("devices",)),
    (DONE, ("devices", "--json")),
    (DONE, ("preset", "export", "Aurora", "--to", f"{NAME}.toml")),
    (DONE, ("preset", "import", f"{NAME}.toml", "--name", NAME)),
    (DONE, ("preset", "import", f"{NAME}.toml", "--name", NAME, "--overwrite")),
    (DONE, ("preset", "list")),
    (DONE, ("preset", "list", "--json")),
    (DONE, ("preset", "show", NAME)),
    (DONE, ("preset", "path")),
    (DONE, ("preset", "delete", NAME)),
    (DONE, ("preset", "restore", NAME)),
    (DONE, ("preset", "export", NAME)),
    (DONE, ("preset", "picture", NAME, f"{NAME}.jpg", "--size", "128x72", "--seconds", "0.6")),
    (FAILED, ("preset", "show", "狐")),
    (FAILED, ("preset", "save", NAME, "--to", "127.0.0.1:9")),
    (FAILED, ("osc", "send", "/layer/1/angle", "45", "--to", "127.0.0.1:9", "--wait")),
    (DONE, ("schema", "list")),
    (DONE, ("schema", "markdown")),
    (DONE, ("schema", "json")),
    *((DONE, ("schema", kind, f"{FOLDER}/{kind}")) for kind in ("max", "pd", "osc-layout", "touchosc")),
    (DONE, ("run", *SMALL, "--offline", "--frames", "3", "--sink", f"record={FOLDER}/a.mp4")),
    (DONE, ("run", *SMALL, *PORTS, "--frames", "3", "--sink", f"snapshot={FOLDER}/{NAME}.png")),
    (FAILED, ("run", *SMALL, *PORTS, "--frames", "3", "--camera", "狐.mp4")),
    (FAILED, ("model", "check", "狐")),
    (FAILED, ("segment", "狐.mp4", "aus.mp4", "--prompt", "Bär", "--model", "狐")),
    (FAILED, ("video", "狐.mp4", "aus.mp4", "--prompt", "Bär", "--model", "狐")),
    (USAGE, ("run", "--size", "狐")),
    (DONE, ("doctor",)),
]

ENCODING = "cp1252" if os.environ["DISGUISE"] == "win32" else "utf-8"


def say(*words: str) -> tuple[int, str, str]:
    """`say("preset", "list")`: the exit code, and the content of the file that stdout and stderr were redirected to. A
    traceback gives code 99."""
    from engine.cli.main import main

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    out, err = io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(out, ENCODING, "strict"), io.TextIOWrapper(err, ENCODING, "backslashreplace")]
    sys.argv = ["multiverse", *words]
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
    written = [stream.encoding for stream in streams]
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return code, out.getvalue().decode(written[0]), err.getvalue().decode(written[1])


def say_all() -> list[tuple[str, int, int, str, str]]:
    """For each of COMMANDS: its arguments, the expected exit code, and the result of `say`."""
    return [(" ".join(words), expected, *say(*words)) for expected, words in COMMANDS]
