"""Runs the tests and benches that need a GPU, the most valuable first, and stores their figures as
JSON files.

Each part is a process of its own with a time limit, and nothing stops the rest. The first call runs
what was not tried yet, then again what failed or was cut off; what is complete is skipped. Run it
from a checkout: nothing must be installed except the packages that the parts need, which may also
lie in folders of PYTHONPATH.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "tests" / "benchmarks" / "results"
PEERS = ROOT / ".ci" / "peers"
GRACE_S = 15.0  # after Ctrl-C, for what was found so far
BEGUN_WITH = (
    0.5  # fraction of a part's limit that must be left: most parts take less than their limit
)
PROBE_S = 90.0  # a first import of torch from a cold disk takes a minute
FAILED = "failed"
PACKAGES = {
    **dict.fromkeys(
        ("numpy", "msgspec", "platformdirs", "tomli_w", "typer", "rich", "psutil"), "everything"
    ),
    **dict.fromkeys(("cv2", "PIL", "simplejpeg"), "everything"),
    **dict.fromkeys(
        ("aiohttp", "pythonosc", "zeroconf", "segno", "sounddevice", "soundfile", "soxr"),
        "everything",
    ),
    **dict.fromkeys(("moderngl", "glcontext"), "the picture by OpenGL"),
    "numba": "the picture by the CPU",
    "av": "videos",
    **dict.fromkeys(("diffusers", "peft"), "Stable Diffusion"),
    **dict.fromkeys(("torch", "transformers", "accelerate", "safetensors"), "all models"),
    "torchfcpe": "the pitch of a voice",
    **dict.fromkeys(("scipy", "faiss", "infer_rvc_python"), "a voice's baseline"),
    **dict.fromkeys(("pytest", "hypothesis"), "the tests"),
}
"""Import names of what the parts need, and what for."""
PROBE = r"""
import importlib.util, json, platform, sys
packages, device = json.loads(sys.argv[1]), sys.argv[2]
missing = [
    f"{name} (for {what})"
    for name, what in packages.items()
    if importlib.util.find_spec(name) is None
]
facts = {"machine": platform.machine(), "python": platform.python_version(), "missing": missing}
try:
    import torch
    facts["torch"] = torch.__version__
    if device == "cuda" and torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        facts["card"] = card.name
        facts["memory_gib"] = round(card.total_memory / 2**30, 1)
        facts["cuda"] = torch.version.cuda
    elif device == "cuda":
        missing.append("CUDA: torch sees no card")
except Exception as error:
    missing.append(f"torch: {error}")
print("\n" + json.dumps(facts), flush=True)  # a broken driver may end the process
try:
    from engine.render.context import is_software, open_context
    facts["opengl"] = open_context().info["GL_RENDERER"]
    if is_software(facts["opengl"]):
        missing.append(
            f"OpenGL on the card: {facts['opengl']} draws on the CPU; "
            "see docs/reference/platforms.md"
        )
except Exception as error:
    missing.append(f"OpenGL (for the picture): {error}")
print("\n" + json.dumps(facts))
"""


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    limit_s: float
    arguments: tuple[str, ...]
    """The arguments of Python; `{device}` stands for the device."""
    tiny: tuple[str, ...] = ()
    """The same for a dry run; empty: not in a dry run, because another part runs the same code."""


def tests(name: str, limit_s: float, *patterns: str) -> Part:
    """Tests that behave differently on a card."""
    files = sorted(
        str(file.relative_to(ROOT))
        for pattern in patterns
        for file in ROOT.glob(f"tests/{pattern}.py")
    )
    # Without the options of the checkout: a rented machine may lack pytest-xdist, and have
    # libraries that warn.
    options = "-q -W default -o addopts=--import-mode=importlib -p no:cacheprovider"
    return Part(name, limit_s, ("-m", "pytest", *options.split(), *files))


def bench(name: str, limit_s: float, real: str, tiny: str = "") -> Part:
    arguments = [
        ("-m", "tests.benchmarks", *text.split(), "--json") if text else () for text in (real, tiny)
    ]
    return Part(name, limit_s, *arguments)


def read_parts() -> tuple[Part, ...]:
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["part"]
    return tuple(
        tests(row["name"], row["limit_s"], *row["files"]) if "files" in row else bench(**row)
        for row in rows
    )


PARTS = read_parts()
"""In order of worth."""

Run = Callable[[Sequence[str], float, IO[str], IO[str]], int | None]
"""(arguments of Python, limit in s, its standard output, its errors) -> exit code, None when it was
cut off."""
GUARD = (
    "trap '' INT; read -r line; kill -9 0"  # ends its process group when its standard input ends
)


def run_python(arguments: Sequence[str], limit_s: float, out: IO[str], log: IO[str]) -> int | None:
    """Run Python from this checkout. At the limit it gets Ctrl-C, for what it found so far, and is
    ended with its children, which would keep the card; as when this script is killed."""
    path = [
        *(str(folder) for folder in (ROOT, PEERS) if folder.is_dir()),
        os.environ.get("PYTHONPATH", ""),
    ]
    offline = {
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    with (
        subprocess.Popen(["sh", "-c", GUARD], stdin=subprocess.PIPE, process_group=0) as guard,
        subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            cwd=ROOT,
            env=os.environ | offline,
            process_group=guard.pid,
        ) as process,
    ):
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(guard.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
            return None
        finally:
            os.killpg(guard.pid, signal.SIGKILL)


class Day:
    """One call of this script: runs the parts on one device until the time is used up."""

    def __init__(
        self,
        device: str,
        out: Path,
        machine: dict[str, Any],
        *,
        end_s: float = float("inf"),
        is_tiny: bool = False,
    ) -> None:
        """`machine`: from `probe`. `end_s`: of `time.monotonic()`."""
        self._device, self._out, self._machine, self._is_tiny = device, out, machine, is_tiny
        self._end_s = end_s - GRACE_S
        self._logs = out / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        measured = machine.get("card", device) if device == "cuda" else device
        self._suffix = suffix("tiny" if is_tiny else measured)

    def run(self, parts: Sequence[Part], run: Run = run_python) -> int:
        """Run the parts that are not complete. 0: all complete; 1: some failed; 3: the time is used
        up, call again."""
        # what was not tried yet comes first
        in_order = sorted(parts, key=lambda part: self.file(part).is_file())
        states = [self._run(part, run) for part in in_order]
        print(
            "; ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)),
            flush=True,
        )
        return 3 if "not begun" in states else 1 if {"failed", "cut off"} & set(states) else 0

    def file(self, part: Part) -> Path:
        return self._out / f"{part.name}-{self._suffix}.json"

    def _run(self, part: Part, run: Run) -> str:
        file = self.file(part)
        before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if before and FAILED not in before:
            print(f"{part.name}: complete, {file.name}", flush=True)
            return "complete"
        left_s = self._end_s - time.monotonic()
        if left_s < BEGUN_WITH * part.limit_s:
            print(
                f"{part.name}: not begun, {max(left_s, 0.0):.0f} s are left; call again", flush=True
            )
            return "not begun"
        arguments = [
            each.format(device=self._device)
            for each in (part.tiny if self._is_tiny else part.arguments)
        ]
        log_file, out_file = (self._logs / f"{file.stem}.{kind}" for kind in ("txt", "out"))
        began_s = time.monotonic()
        with (
            log_file.open("w", encoding="utf-8") as log,
            out_file.open("w+", encoding="utf-8", errors="replace") as out,
        ):
            print(*arguments, file=log, flush=True)
            code = run(arguments, min(part.limit_s, left_s), out, log)
            out.seek(0)
            found = figures(out.read())
        took_s = round(time.monotonic() - began_s, 1)
        if code != 0 and FAILED not in found:
            found[FAILED] = {
                "part": part.name,
                "reason": "cut off" if code is None else f"exit code {code}",
            }
        found = {"machine": self._machine, "seconds": took_s} | found
        # else the first attempt found more
        if FAILED not in found or count_figures(found) >= count_figures(before):
            with replacing(file) as new:
                new.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        state = "cut off" if code is None else "complete" if code == 0 else "failed"
        reason = f" ({found[FAILED]['part']}: {found[FAILED]['reason']})" if FAILED in found else ""
        print(f"{part.name}: {state} after {took_s:.0f} s{reason}; log: {log_file}", flush=True)
        return state


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Yield a new file that replaces `file` at the end of the block, so that nobody reads half of
    it."""
    new = file.with_name(f"{file.name}.part")
    yield new
    new.replace(file)


def suffix(device: str) -> str:
    """The suffix of file names for a card or another device."""
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def figures(printed: str) -> dict[str, Any]:
    """The figures that a part printed: the last line that is a JSON object, else (tests have none)
    the last line."""
    lines = [line for line in printed.splitlines() if line.strip()]
    for line in reversed(lines):
        with suppress(ValueError):  # a line that was torn
            found = json.loads(line)
            if isinstance(found, dict):
                return found
    return {"summary": lines[-1]} if lines else {}


def count_figures(found: dict[str, Any]) -> int:
    """The number of figures in all levels."""
    values = (value for name, value in found.items() if name not in ("machine", FAILED))
    return sum(count_figures(value) if isinstance(value, dict) else 1 for value in values)


def probe(device: str) -> dict[str, Any]:
    """Facts of this machine and of `device`: cuda, mps or cpu; prints what is missing."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as out:
        code = run_python(("-c", PROBE, json.dumps(PACKAGES), device), PROBE_S, out, out)
        out.seek(0)
        printed = out.read()
    found = figures(printed)
    missing = found.pop("missing", [])
    if code != 0:
        missing.append(
            f"an answer of Python: {'too late' if code is None else f'exit code {code}'}, "
            f"{printed[-300:]!r}"
        )
    for line in missing:
        print(f"missing: {line}", flush=True)
    more = {
        "nvidia-smi": output_of(
            "nvidia-smi",
            "--query-gpu=driver_version,power.limit,clocks.max.sm",
            "--format=csv,noheader",
        ),
        # Whoever owns the checkout, and without its tags.
        "commit": output_of(
            "git", *"-c safe.directory=* describe --always --dirty --abbrev=40 --exclude=*".split()
        ),
    }
    return (
        found
        | {name: value for name, value in more.items() if value}
        | {"date": time.strftime("%Y-%m-%d")}
    )


def output_of(*command: str) -> str:
    """The output of a program that describes this checkout or machine; "" if it is missing or does
    not end."""
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=PROBE_S
        ).stdout.strip()
    return ""


def see_only(device: str) -> str:
    """Hide every card except that of `cuda:1` from the parts, because not all of them take a
    number; returns `cuda`."""
    kind, _, number = device.partition(":")
    if number:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[int(number)] if visible else number
    return kind


def main() -> int:
    began_s = time.monotonic()
    names = [each.name for each in PARTS]
    reader = argparse.ArgumentParser(prog="tests/benchmarks/on_gpu.sh", description=__doc__)
    reader.add_argument(
        "--device", default="cuda", help="where the models work: cuda, cuda:1, mps or cpu"
    )
    reader.add_argument(
        "--tiny", action="store_true", help="a dry run with tiny models and sizes; needs --out"
    )
    reader.add_argument(
        "--out", type=Path, metavar="FOLDER", help="for JSON files and logs (default: results)"
    )
    reader.add_argument(
        "--minutes",
        type=float,
        default=0.0,
        metavar="N",
        help="end within N minutes; then call again",
    )
    reader.add_argument(
        "--only", action="append", choices=names, metavar="PART", help=", ".join(names)
    )
    options = reader.parse_args()
    if options.tiny and options.out is None:
        reader.error("--tiny needs --out FOLDER: its figures do not belong with those of machines")
    parts = [
        each
        for each in PARTS
        if each.name in (options.only or names) and (each.tiny or not options.tiny)
    ]
    end_s = began_s + 60.0 * options.minutes if options.minutes else float("inf")
    device, out = see_only(options.device), (options.out or RESULTS).resolve()
    return Day(device, out, probe(device), end_s=end_s, is_tiny=options.tiny).run(parts)


if __name__ == "__main__":
    sys.exit(main())
