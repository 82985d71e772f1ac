"""`multiverse doctor --selftest --report FILE`: everything that the program can find out about a
machine, in one file.

Markdown that a person can read, tick off and mail, with the same data as JSON at the end. The names
of the user, the machine and the home folder are removed.
"""

import getpass
import json
import platform
import re
import socket
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from engine.cli.doctor_checks import Check
from engine.cli.probe import Probe
from engine.errors import UsageError
from engine.system.package_version import package_version
from engine.system.translate_errors import refused

MIN_NAME_CHARACTERS: Final = 2  # a shorter name would match too many words
COMMON_NAMES: Final = ("localhost", "root", "user", "admin")
DEVICE_FORMS = {
    "textures": ("{kind}: {name}", "textures: none"),
    "shared": ("shared memory: {name}", "shared memory: none"),
    "ndi": ("ndi: {name}", "ndi: none, or not searched (--ndi searches the network)"),
    "audio_inputs": (
        "input {index}: {name} ({inputs} channels, {rate_hz} Hz, {hostapi}{default})",
        "inputs: none",
    ),
    "audio_outputs": (
        "output {index}: {name} ({outputs} channels, {rate_hz} Hz, {hostapi}{default})",
        "outputs: none",
    ),
    "problems": ("problem: {name}", ""),
}
"""Form of a device in the report, and the line for none, by its key in `multiverse devices
--json`."""
_FILE: Final = Path(__file__).with_suffix(".toml")
STEPS: Final[dict[str, list[str]]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
"""Things that only a person can check, by the headings of docs/how-to/first-contact.md."""
SYSTEMS: Final = {
    "Mac: Syphon": ("darwin",),
    "PC: Spout": ("win32",),
    **dict.fromkeys(("Resolume", "TouchDesigner", "Max"), ("darwin", "win32")),
}
"""Systems of the steps that do not concern all."""


def check_path(path: Path, overwrite: bool) -> None:
    """Raise UsageError if the report cannot be written; called before the checks, which may take a
    minute."""
    if path.is_dir():
        raise UsageError(
            f"--report {path}: is a folder; give a file name, such as {path / 'report.md'}"
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"--report {path}: the folder {path.parent} does not exist; create it, or choose "
            "another"
        )
    if path.exists() and not overwrite:
        raise UsageError(f"--report {path}: exists already; --overwrite replaces it")


def write_report(
    path: Path, checks: Sequence[Check], selftest: dict[str, Any], *, wants_ndi: bool
) -> None:
    """Collect what the checks do not cover, and write everything. Raises UsageError if the file
    cannot be written."""
    from engine.system.atomic_file import write_atomic

    with ExitStack() as stack:
        arguments = {"devices": ["ndi"] if wants_ndi else [], "camera_formats": []}
        started = {
            name: Probe(f"engine.cli.device_list:ask_{name}", *values)
            for name, values in arguments.items()
        }
        probes = {name: stack.enter_context(closing(probe)) for name, probe in started.items()}
        answers = {name: probe.read() for name, probe in probes.items()}
    found = {
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
        **{
            name: {"problem": answer.error} if answer.error else answer.values
            for name, answer in answers.items()
        },
    }
    with refused(f"--report {path}: cannot be written", UsageError):
        write_atomic(path, render(redact(found, _private_names()), sys.platform))


def _private_names() -> dict[str, str]:
    """Names to remove from a report -> their replacements, longest first."""
    host = socket.gethostname()
    names = {str(Path.home()): "~", host: "HOST", host.partition(".")[0]: "HOST"}
    with suppress(OSError, KeyError):  # a user in a container may have no name
        names[getpass.getuser()] = "USER"
    private = [
        name
        for name in names
        if len(name) >= MIN_NAME_CHARACTERS and name.casefold() not in COMMON_NAMES
    ]
    return {name: names[name] for name in sorted(private, key=len, reverse=True)}


def redact(data: Any, names: dict[str, str]) -> Any:
    """`data` (plain JSON) with each of `names` replaced as a whole word, ignoring case. Pure."""
    if isinstance(data, str):
        for name, replacement in names.items():
            literal = replacement.replace("\\", r"\\")
            data = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", literal, data, flags=re.IGNORECASE)
        return data
    if isinstance(data, dict):
        return {key: redact(value, names) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [redact(value, names) for value in data]
    return data


def render(data: dict[str, Any], system: str) -> str:
    """The report as Markdown. `data`: that of its JSON; `system` as in `sys.platform`."""
    python = data["python"]
    selftest = data["selftest"]
    devices = data["devices"]
    framework = f", framework {python['framework']}" if python["framework"] else ""
    parts = {
        "The machine": (
            f"- System: {data['system']}, {data['machine']}",
            f"- Python: {python['version']} for {python['built_for']}{framework} "
            f"({python['path']})",
        ),
        "Self-test: a card sent and received by another process": _about_selftest(selftest),
        "Checks": (
            f"- {check['state']}: {check['name']}: {check['detail']}"
            + (f"\n  fix: `{check['fix']}`" if check["fix"] else "")
            for check in data["checks"]
        ),
        "Pictures of other programs": _device_lines(devices, "textures", "shared", "ndi"),
        "Sound": _device_lines(devices, "audio_inputs", "audio_outputs", "problems"),
        "Cameras": _about_cameras(data["camera_formats"]),
        "To check by eye": (
            "Only a person can check these. docs/how-to/first-contact.md explains how, and what a "
            "failure means. Tick "
            "them off, and write",
            "beside them what was different.",
            *(
                f"\n### {title}\n\n" + "\n".join(f"- [ ] {line}" for line in lines)
                for title, lines in STEPS.items()
                if system in SYSTEMS.get(title, (system,))
            ),
        ),
        "The same as JSON": ("```json", json.dumps(data, indent=1), "```"),
    }
    head = f"""# Multiverse on a real machine

Written {data["written"]} by `multiverse doctor --selftest --report`, multiverse {data["multiverse"]}.
The names of the user, of this machine and of the home folder are removed. Read it before you send it:
devices and other programs are listed under their own names.
"""  # noqa: E501
    return head + "".join(
        f"\n## {title}\n\n" + "\n".join(lines) + "\n" for title, lines in parts.items()
    )


def _about_selftest(selftest: dict[str, Any]) -> Iterator[str]:
    yield f"- Result: {'passed' if selftest['passed'] else 'FAILED: ' + selftest['detail']}"
    yield f"- Sent by: sink `{selftest['sink']}`"
    for key, label in (
        ("as_texture", "Not as a texture"),
        ("detail_of_sink", "The sink says"),
        ("listed_as", "Receivers list it as"),
        ("orientation", "Arrived"),
        ("largest_difference_rgb", "Largest difference of red, green, blue, of 255"),
        ("renderer", "Drawn with"),
    ):
        if selftest.get(key):
            yield f"- {label}: {selftest[key]}"


def _device_lines(devices: dict[str, Any], *keys: str) -> Iterator[str]:
    """The entries under these keys of a probe's answer, one per line, in the forms of
    DEVICE_FORMS."""
    if "problem" in devices:
        yield f"- problem: {devices['problem']}"
        return
    for key in keys:
        form, missing = DEVICE_FORMS[key]
        for entry in devices[key] or ():
            fields = entry if isinstance(entry, dict) else {"name": entry}
            yield "- " + form.format_map(
                {**fields, "default": ", default" if fields.get("is_default") else ""}
            )
        if not devices[key] and missing:
            yield f"- {missing}"


def _about_cameras(cameras: dict[str, Any]) -> Iterator[str]:
    for camera in cameras.get("cameras", ()):
        yield from (
            f"- {camera['index']} {camera['name']}",
            "",
            "  ```",
            *camera["formats"],
            "  ```",
        )
    if not cameras.get("cameras"):
        yield f"- {cameras.get('problem', 'none')}"
