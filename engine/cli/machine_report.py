"""`multiverse doctor --selftest --report FILE`: everything that the program can find out about a machine, in one file.

Markdown that a person can read, tick off and mail, with the same data as JSON at the end. The names of the user, the
machine and the home folder are removed.
"""

import getpass
import json
import platform
import re
import socket
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.cli.doctor_list import Check
from engine.cli.first_contact import steps_for
from engine.cli.probe import Probe
from engine.errors import UsageError
from engine.system.package_version import package_version

PAGE = "docs/first-contact.md"
MIN_NAME_CHARACTERS = 2  # a shorter name would match too many words
EVERYBODYS_NAMES = ("localhost", "root", "user", "admin")


def check_path(path: Path, overwrite: bool) -> None:
    """Raise UsageError if the report cannot be written; called before the checks, which may take a minute."""
    if path.is_dir():
        raise UsageError(f"--report {path}: is a folder; give a file name, such as {path / 'report.md'}")
    if not path.parent.is_dir():
        raise UsageError(f"--report {path}: the folder {path.parent} does not exist; create it, or choose another")
    if path.exists() and not overwrite:
        raise UsageError(f"--report {path}: exists already; --overwrite replaces it")


def write_report(path: Path, checks: Sequence[Check], selftest: dict[str, Any], *, wants_ndi: bool) -> None:
    """Collect what the checks do not cover, and write everything. Raises UsageError if the file cannot be written."""
    from engine.system.atomic_file import write_atomic

    found = redact(_find_out(checks, selftest, wants_ndi=wants_ndi), private_names())
    try:
        write_atomic(path, render(found, sys.platform))
    except OSError as error:
        raise UsageError(f"--report {path}: cannot be written ({error.strerror or error})") from None


def private_names() -> dict[str, str]:
    """Names to remove from a report -> their replacements, longest first."""
    host = socket.gethostname()
    names = {str(Path.home()): "~", host: "HOST", host.partition(".")[0]: "HOST"}
    with suppress(OSError, KeyError):  # a user in a container may have no name
        names[getpass.getuser()] = "USER"
    kept = {
        name: stand_in
        for name, stand_in in names.items()
        if len(name) >= MIN_NAME_CHARACTERS and name.casefold() not in EVERYBODYS_NAMES
    }
    return dict(sorted(kept.items(), key=lambda pair: -len(pair[0])))


def redact(found: Any, names: dict[str, str]) -> Any:
    """`found` (plain JSON data) with each of `names` replaced as a whole word, ignoring case. Pure."""
    if isinstance(found, str):
        for name, stand_in in names.items():
            literal = stand_in.replace("\\", r"\\")
            found = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", literal, found, flags=re.IGNORECASE)
        return found
    if isinstance(found, dict):
        return {key: redact(value, names) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [redact(value, names) for value in found]
    return found


def render(found: dict[str, Any], system: str) -> str:
    """The report as Markdown. `found`: the data of its JSON; `system` as in `sys.platform`."""
    python, selftest, devices = found["python"], found["selftest"], found["devices"]
    framework = f", framework {python['framework']}" if python["framework"] else ""
    parts = {
        "The machine": (
            f"- System: {found['system']}, {found['machine']}",
            f"- Python: {python['version']} for {python['built_for']}{framework} ({python['path']})",
        ),
        "Self-test: a card sent and received by another process": _about_selftest(selftest),
        "Checks": (
            f"- {check['state']}: {check['name']}: {check['detail']}"
            + (f"\n  mend: `{check['mend']}`" if check["mend"] else "")
            for check in found["checks"]
        ),
        "Pictures of other programs": _about_senders(devices),
        "Sound": _about_sound(devices),
        "Cameras": _about_cameras(found["camera_formats"]),
        "To check by eye": _to_check(system),
        "The same as JSON": ("```json", json.dumps(found, indent=1), "```"),
    }
    head = f"""# Multiverse on a real machine

Written {found["written"]} by `multiverse doctor --selftest --report`, multiverse {found["multiverse"]}.
The names of the user, of this machine and of the home folder are removed. Read it before you send it:
devices and other programs are listed under their own names.
"""
    return head + "".join(f"\n## {title}\n\n" + "\n".join(lines) + "\n" for title, lines in parts.items())


def _to_check(system: str) -> Iterator[str]:
    yield f"Only a person can check these. {PAGE} explains how, and what a failure means. Tick them off, and write"
    yield "beside them what was different."
    for step in steps_for(system):
        yield f"\n### {step.title}\n"
        yield from (f"- [ ] {line}" for line in step.see)


def _find_out(checks: Sequence[Check], selftest: dict[str, Any], *, wants_ndi: bool) -> dict[str, Any]:
    with ExitStack() as stack:
        probes = {
            "devices": Probe("devices", *(["ndi"] if wants_ndi else [])),
            "camera_formats": Probe("camera_formats"),
        }
        for probe in probes.values():
            stack.callback(probe.close)
        answers = {name: probe.read() for name, probe in probes.items()}
    return {
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "multiverse": package_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "python": {
            "version": platform.python_version(),
            "path": sys.executable,
            "built_for": sysconfig.get_platform(),
            "framework": sysconfig.get_config_var("PYTHONFRAMEWORK") or "",
        },
        "selftest": selftest,
        "checks": [asdict(check) for check in checks],
        **{name: {"problem": answer.error} if answer.error else answer.values for name, answer in answers.items()},
    }


def _about_selftest(selftest: dict[str, Any]) -> Iterator[str]:
    yield f"- Result: {'passed' if selftest['passed'] else 'FAILED: ' + selftest['detail']}"
    yield f"- Sent by: sink `{selftest['sink']}`"
    for key, label in (
        ("detail_of_sink", "The sink says"),
        ("listed_as", "Receivers list it as"),
        ("orientation", "Arrived"),
        ("largest_difference_rgba", "Largest difference of red, green, blue, alpha, of 255"),
        ("renderer", "Drawn with"),
    ):
        if selftest.get(key):
            yield f"- {label}: {selftest[key]}"


def _about_senders(devices: dict[str, Any]) -> Iterator[str]:
    """Pictures of Syphon or Spout, shared memory and NDI, from `multiverse devices --json`."""
    seen = [
        *(f"- {sender['kind']}: {sender['name']}" for sender in devices.get("textures", [])),
        *(f"- shared memory: {picture['name']}" for picture in devices.get("shared", [])),
        *(f"- ndi: {source}" for source in devices.get("ndi") or []),
    ]
    yield from seen or ["- none"]
    if devices.get("ndi") is None:
        yield "- ndi: not searched (--ndi searches the network)"


def _about_sound(devices: dict[str, Any]) -> Iterator[str]:
    for kind in ("inputs", "outputs"):
        found = devices.get(f"audio_{kind}", [])
        if not found:
            yield f"- {kind}: none"
        for device in found:
            form = f"{device[kind]} channels, {device['rate_hz']} Hz, {device['hostapi']}"
            default = ", default" if device["is_default"] else ""
            yield f"- {kind[:-1]} {device['index']}: {device['name']} ({form}{default})"
    for problem in [*devices.get("problems", []), *filter(None, [devices.get("problem")])]:
        yield f"- problem: {problem}"


def _about_cameras(cameras: dict[str, Any]) -> Iterator[str]:
    if "problem" in cameras:
        yield f"- problem: {cameras['problem']}"
        return
    if not cameras["cameras"]:
        yield "- none"
    for camera in cameras["cameras"]:
        yield f"- {camera['index']} {camera['name']}"
        yield ""
        yield "  ```"
        yield from (f"  {line}" for line in camera["formats"])
        yield "  ```"
