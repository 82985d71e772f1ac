"""Runs our code in a child Python process disguised as Windows or a Mac; see `disguise` for the limits.

`pytest tests/as_on_windows` and `pytest tests/as_on_mac` are the two suites. A test that needs the disguise starts one
child and checks many things in it, because each start takes seconds.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 90.0
FOREIGN = "Bühne 舞台 🎭"
"""The name of a working folder, of which cp1252 has one letter."""
HEAD = """
import faulthandler, json
faulthandler.dump_traceback_later({timeout_s}, exit=True)
def tell(value):
    text = json.dumps(value, default=repr)
    with open({told!r}, "w", encoding="utf-8") as file:
        file.write(text)
"""


@dataclass(frozen=True, slots=True)
class Told:
    """The result of a disguised process: the JSON of its last `tell(...)`, its exit code and its streams."""

    value: Any
    code: int
    out: bytes
    err: str


def run_as(
    system: str, code: str, folder: Path, *, scanned: int = 0, is_light: bool = False, timeout_s: float = TIMEOUT_S
) -> Told:
    """Run Python code as on `system` ("win32" or "darwin"), in `folder`; `tell(value)` in that code returns a value.

    Below `folder`, files obey Windows' rules. `scanned`: how many attempts to move or remove a fresh file fail, as
    while a virus scanner reads it. `is_light`: torch and other slow packages are replaced by empty modules (`heavy`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = folder.parent / f"{folder.name}-told.json"
    told.unlink(missing_ok=True)
    head = HEAD.format(told=str(told), timeout_s=timeout_s)
    done = subprocess.run(
        [sys.executable, "-c", head + code],
        cwd=folder,
        env=environment_as(system, folder, scanned=scanned, is_light=is_light),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_s + 10.0,
    )
    value = json.loads(told.read_text(encoding="utf-8")) if told.exists() else None
    return Told(value, done.returncode, done.stdout, done.stderr.decode("cp1252" if system == "win32" else "utf-8"))


def played_show(system: str, folder: Path, *, scanned: int = 0) -> tuple[dict[str, Any], list[str]]:
    """A show (`disguise/program.py`) played to its end: what its audience has seen, and which functions of the system
    were called. Fails if a part of it failed."""
    code = "import disguise; from program import play, echo; tell([play(), echo(), disguise.CALLS])"
    told = run_as(system, code, folder / FOREIGN, scanned=scanned)
    assert told.code == 0, told.err
    seen, echo, calls = told.value
    assert (seen["faults"], seen["code"]) == ([], 0), seen["err"]
    assert "Traceback" not in seen["err"]
    assert seen["page"] == "<!doctype html>" and seen["frame"] == "ffd8" and seen["host_info"]
    assert [answer for answer in seen["answers"] if answer[1] != "/done"] == []
    assert seen["synced"] == ["/synced", 7]
    assert {sink["name"]: sink["state"] for sink in seen["summary"]["sinks"]} == {
        "録画 ö/live.mp4": "ended",
        "録画 ö/bild.png": "ended",
        "夜の森 🌲 Bär": "ended",
        "recordings/Bühne.png": "ended",
    }
    expected = {"録画 ö/live.mp4", "録画 ö/bild.png", "recordings/Bühne.png", "home/presets/夜の森 🌲 Bär.toml"}
    assert expected <= set(seen["files"])
    assert [name for name in seen["files"] if name.endswith((".partial", ".tmp"))] == []
    assert not seen["torch"]
    assert echo["pixel"] == 40 and echo["told"] == []
    return seen, [name for name, *_ in calls]


def assert_commands_work(system: str, folder: Path, named: str, *, scanned: int = 0) -> None:
    """All commands of `disguise/program.py` end as expected, and the doctor names the system."""
    code = "import program; tell(program.say_all())"
    told = run_as(system, code, folder / FOREIGN, scanned=scanned, is_light=True)
    assert told.code == 0, told.err
    assert [(words, code, err) for words, expected, code, _, err in told.value if code != expected] == []
    assert [(words, err) for words, _, _, _, err in told.value if "Traceback" in err] == []
    out = {words: out for words, _, _, out, _ in told.value}
    assert "夜の森 🌲 Bär" in out["preset list"].splitlines() and named in out["doctor"]


def assert_modules_are_imported(system: str, folder: Path) -> None:
    told = run_as(system, "import program; tell(program.import_all())", folder / FOREIGN, is_light=True)
    assert told.code == 0, told.err
    count, failed = told.value
    assert failed == {} and count > 400


def environment_as(system: str, folder: Path, *, scanned: int = 0, is_light: bool = False) -> dict[str, str]:
    """The environment that disguises a Python process and all its children."""
    temporary = folder / "temp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "MULTIVERSE_"))},
        "DISGUISE": system,
        "DISGUISE_FOLDER": str(folder),
        "DISGUISE_SCANNED": str(scanned),
        "DISGUISE_LIGHT": "1" if is_light else "",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "support" / "disguise"), str(ROOT)]),
        "PYTHONUTF8": "0",  # UTF-8 mode, which the C locale would switch on
        "PYTHONWARNDEFAULTENCODING": "1",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": str(temporary),
        "MULTIVERSE_HOME": str(folder / "home"),
    }
