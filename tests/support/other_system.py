"""Runs our code in a child Python process disguised as a Mac; see `disguise`.

One child checks many things, because each start takes seconds.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 300.0
FOREIGN = "Bühne 舞台 🎭"
"""The name of a working folder, of which cp1252 has one letter."""
HEAD = """
import faulthandler, json
faulthandler.dump_traceback_later({timeout_s}, exit=True)
def tell(value):
    text = json.dumps(value, default=repr)
    with open({result!r}, "w", encoding="utf-8") as file:
        file.write(text)
"""


def run_disguised(code: str, folder: Path, *, is_light: bool = False) -> Any:
    """Run Python code as on a Mac, in a folder with a foreign name. Returns the value that the code
    passes to `tell`. Fails if the process does. `is_light`: torch and other slow packages are
    replaced by empty modules (`heavy`). Its child processes are disguised as well."""
    working_folder, result_file = folder / FOREIGN, folder / "result.json"
    temporary = working_folder / "temp"
    temporary.mkdir(parents=True)
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "LC_", "MULTIVERSE_"))
        },
        "DISGUISE_FOLDER": str(working_folder),
        "DISGUISE_LIGHT": "1" if is_light else "",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "support" / "disguise"), str(ROOT)]),
        "PYTHONUTF8": "0",  # UTF-8 mode, which the C locale would switch on
        "PYTHONWARNDEFAULTENCODING": "1",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": str(temporary),
        "MULTIVERSE_HOME": str(working_folder / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-c", HEAD.format(result=str(result_file), timeout_s=TIMEOUT_S) + code],
        cwd=working_folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S + 10.0,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return json.loads(result_file.read_text(encoding="utf-8"))


def played_show(folder: Path) -> tuple[dict[str, Any], dict[str, list[list[Any]]]]:
    """Play a show (`disguise/program.py`) to its end. Returns what its audience has seen, and which
    functions of the system were called, with the arguments of each call. Fails if a part of it
    failed."""
    code = "import disguise; from program import play, echo; tell([play(), echo(), disguise.CALLS])"
    seen, echo, calls = run_disguised(code, folder)
    assert (seen["faults"], seen["code"]) == ([], 0), (seen["faults"], seen["err"])
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
    expected = {
        "録画 ö/live.mp4",
        "録画 ö/bild.png",
        "recordings/Bühne.png",
        "home/presets/夜の森 🌲 Bär.toml",
    }
    assert expected <= set(seen["files"])
    assert [name for name in seen["files"] if name.endswith((".partial", ".tmp"))] == []
    assert not seen["torch"]
    assert echo["pixel"] == 40 and echo["replies"] == []
    requests: dict[str, list[list[Any]]] = {}
    for name, *arguments in calls:
        requests.setdefault(name, []).append(arguments)
    return seen, requests


def assert_modules_and_commands_work(folder: Path) -> None:
    """Every module can be imported, commands of `disguise/program.py` end as expected, the doctor
    names the system."""
    code = "import program; tell([program.import_all(), program.say_all()])"
    failed, results = run_disguised(code, folder, is_light=True)
    assert failed == {}
    assert [
        (arguments, code, err) for arguments, expected, code, _, err in results if code != expected
    ] == []
    assert [(arguments, err) for arguments, *_, err in results if "Traceback" in err] == []
    out = {arguments: out for arguments, _, _, out, _ in results}
    assert (
        "夜の森 🌲 Bär" in out["preset list"].splitlines()
        and "on macOS-14.5-arm64" in out["doctor"]
    )
