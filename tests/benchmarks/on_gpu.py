"""Runs the tests and benches that need a GPU, in order of worth, and keeps their figures as JSON files.

Each part is a process of its own with a time limit, and nothing stops the rest. The first call runs what was not tried
yet, then again what failed or was cut off; what is complete is skipped. Run it from a checkout: nothing must be
installed except the packages that the parts need.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "tests" / "benchmarks" / "results"
PEERS = ROOT / ".ci" / "peers"
GRACE_S = 15.0  # after Ctrl-C, for what was found so far
BEGUN_WITH = 0.5  # share of a part's limit that must be left: most parts take less than their limit
PROBE_S = 60.0
FAILED = "failed"
PROBE = r"""
import importlib.util, json, platform
told, missing = {"machine": platform.machine(), "python": platform.python_version()}, []
for name, needed in {
    "msgspec": "everything", "typer": "everything", "psutil": "everything", "cv2": "everything", "av": "videos",
    "numba": "the picture", "diffusers": "Stable Diffusion", "transformers": "all models", "accelerate": "all models",
    "soundfile": "voices", "soxr": "voices", "torchfcpe": "the pitch of a voice", "faiss": "a voice's rival",
    "scipy": "a voice's rival", "infer_rvc_python": "a voice's rival", "pytest": "the tests", "hypothesis": "the tests",
}.items():
    if importlib.util.find_spec(name) is None:
        missing.append(f"{name} (for {needed})")
try:
    import torch
    told["torch"] = torch.__version__
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        told |= {"card": card.name, "memory_gib": round(card.total_memory / 2**30, 1), "cuda": torch.version.cuda}
    else:
        missing.append("CUDA: torch sees no card")
except Exception as error:
    missing.append(f"torch (for all models): {error}")
try:
    from engine.render.context import is_software, open_context
    told["opengl"] = open_context().info["GL_RENDERER"]
    if is_software(told["opengl"]):
        missing.append(f"OpenGL on the card: {told['opengl']} draws on the CPU; see docs/platforms.md")
except Exception as error:
    missing.append(f"OpenGL (for the picture): {error}")
print("\n" + json.dumps(told | {"missing": missing}))
"""


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    limit_s: float
    words: tuple[str, ...]
    """The arguments of Python; `{device}` stands for the device."""
    tiny: tuple[str, ...] = ()
    """The same for a dry run; empty: not in a dry run, because another part runs the same code."""


def tests(limit_s: float, *patterns: str) -> Part:
    """The tests that behave differently on a card."""
    files = sorted(str(file.relative_to(ROOT)) for pattern in patterns for file in ROOT.glob(f"tests/{pattern}"))
    # Without the options of the checkout: a borrowed machine may lack pytest-xdist, and have libraries that warn.
    options = "-q -W default -o addopts=--import-mode=importlib -p no:cacheprovider"
    return Part("tests", limit_s, ("-m", "pytest", *options.split(), *files))


def bench(name: str, limit_s: float, real: str, tiny: str = "") -> Part:
    words = [("-m", "engine.cli.main", "bench", *text.split(), "--json") if text else () for text in (real, tiny)]
    return Part(name, limit_s, *words)


ON = "--device {device}"
ON_A_CARD = "test_graphs test_device_work sd/test_overlap sd/test_denoiser sd/test_batch_painter **/test_card_*".split()
PARTS = (
    tests(240, *(f"models/{file}.py" for file in ON_A_CARD)),
    bench(
        "sd",
        120,
        f"sd {ON} --shape sd15 --size 512 --steps 1 --steps 2 --seconds 6",
        f"sd {ON} --size 64 --steps 6 --seconds 0",
    ),
    bench("sam3-image", 120, f"sam3 {ON} --mode image", f"sam3 {ON} --mode image --size 96x64 --objects 2 --seconds 0"),
    bench("sam3-track", 150, f"sam3 {ON} --mode track", f"sam3 {ON} --mode track --size 96x64 --objects 1 --seconds 0"),
    bench("rvc", 120, f"rvc {ON}", f"rvc {ON} --seconds 2 --block 100 --files 2 --embeddings 400"),
    bench(
        "video",
        150,
        f"video {ON} --shape sd15 --batch 8 --steps 5 --strength 0.2 --mode fused --seconds 8",
        f"video {ON} --size 64x64 --batch 2 --steps 2 --mode fused --seconds 0",
    ),
    bench(
        "isolation",
        200,
        "isolation --model random:sd15 --size 1920x1080 --fps 60 --seconds 15",
        "isolation --size 96x64 --sd-size 64x64 --seconds 1 --rounds 1",
    ),
    bench("render", 60, "render --size 1920x1080 --fps 60 --seconds 10", "render --size 96x64 --frames 10 --seconds 1"),
    bench("sd-others", 240, f"sd {ON} --shape sd-turbo --shape sdxl-turbo --size 512 --steps 1 --seconds 4"),
    bench("video-others", 280, f"video {ON} --shape sd15 --batch 1 --batch 8 --steps 5"),
    bench("isf", 90, "isf --size 1920x1080"),
    bench("ipc", 60, "ipc", "ipc --blocks 1 --frames 200"),
    bench("osc", 60, "osc --size 1920x1080 --fps 60"),
)
"""In order of worth."""

Run = Callable[[Sequence[str], float, IO[str]], tuple[int | None, str]]
"""(arguments of Python, limit in s, log) -> exit code, None when it was cut off, and what was printed."""


def run_python(words: Sequence[str], limit_s: float, log: IO[str]) -> tuple[int | None, str]:
    """Run Python from this checkout. At the limit it gets Ctrl-C, for what it found so far, and is ended with its
    children, which would keep the card."""
    path = os.pathsep.join(str(folder) for folder in (ROOT, PEERS) if folder.is_dir())
    process = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=limit_s)
        return process.returncode, printed
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return None, process.communicate(timeout=GRACE_S)[0]
        return None, ""
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Day:
    """One call."""

    def __init__(
        self, device: str, out: Path, machine: dict[str, Any], *, minutes: float = 0.0, is_tiny: bool = False
    ) -> None:
        """`machine`: from `probe`. `minutes`: 0 for no limit."""
        self._device, self._out, self._machine, self._is_tiny = device, out, machine, is_tiny
        self._logs = out / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._end_s = time.monotonic() + 60.0 * minutes - GRACE_S if minutes else float("inf")
        self._suffix = re.sub(r"[^a-z0-9]+", "-", "tiny" if is_tiny else machine.get("card", device).lower()).strip("-")

    def run(self, parts: Sequence[Part], run: Run = run_python) -> int:
        """Run what is not complete. 0: all complete; 1: some failed; 3: the time is over, call again."""
        in_order = sorted(parts, key=lambda part: self.file(part).is_file())  # what was not tried yet comes first
        states = [self._run(part, run) for part in in_order]
        print("; ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)), flush=True)
        return 3 if "not begun" in states else 1 if {"failed", "cut off"} & set(states) else 0

    def file(self, part: Part) -> Path:
        return self._out / f"{part.name}-{self._suffix}.json"

    def _run(self, part: Part, run: Run) -> str:
        file, log_file = self.file(part), self._logs / f"{part.name}-{self._suffix}.txt"
        before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if before and FAILED not in before:
            print(f"{part.name}: complete, {file.name}", flush=True)
            return "complete"
        left_s = self._end_s - time.monotonic()
        if left_s < BEGUN_WITH * part.limit_s:
            print(f"{part.name}: not begun, {max(left_s, 0.0):.0f} s are left; call again", flush=True)
            return "not begun"
        words = [word.format(device=self._device) for word in (part.tiny if self._is_tiny else part.words)]
        began_s = time.monotonic()
        with log_file.open("w", encoding="utf-8") as log:
            print(*words, file=log, flush=True)
            code, printed = run(words, min(part.limit_s, left_s), log)
            log.write(printed)
        took_s = round(time.monotonic() - began_s, 1)
        found = figures(printed)
        if code != 0 and FAILED not in found:
            found[FAILED] = {"part": part.name, "reason": "cut off" if code is None else f"exit code {code}"}
        found = {"machine": self._machine, "seconds": took_s} | found
        if len(found) >= len(before):  # else the first attempt found more
            file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        state = "cut off" if code is None else "complete" if code == 0 else "failed"
        reason = f" ({found[FAILED]['part']}: {found[FAILED]['reason']})" if FAILED in found else ""
        print(f"{part.name}: {state} after {took_s:.0f} s{reason}; log: {log_file}", flush=True)
        return state


def figures(printed: str) -> dict[str, Any]:
    """The last line of JSON; without one, as of tests, the last line."""
    lines = [line for line in printed.splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith("{"):
            found: dict[str, Any] = json.loads(line)
            return found
    return {"summary": lines[-1]} if lines else {}


def probe() -> dict[str, Any]:
    """Facts of this machine; prints what is missing."""
    with open(os.devnull, "w", encoding="utf-8") as log:
        _, printed = run_python(("-c", PROBE), PROBE_S, log)
    found = figures(printed)
    for line in found.pop("missing", ["everything: Python did not answer"]):
        print(f"missing: {line}", flush=True)
    if shutil.which("nvidia-smi"):
        asked = ["nvidia-smi", "--query-gpu=driver_version,power.limit,clocks.max.sm", "--format=csv,noheader"]
        found["nvidia-smi"] = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    return found | {"date": time.strftime("%Y-%m-%d")}


def main() -> int:
    names = [each.name for each in PARTS]
    reader = argparse.ArgumentParser(prog="tests/benchmarks/on_gpu.sh", description=__doc__)
    reader.add_argument("--device", default="cuda", help="where the models work: cuda, cuda:1, mps or cpu")
    reader.add_argument("--tiny", action="store_true", help="a dry run with tiny models and sizes")
    reader.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER", help="for the JSON files and logs")
    reader.add_argument("--minutes", type=float, default=0.0, metavar="N", help="end within N minutes; then call again")
    reader.add_argument("--only", action="append", choices=names, metavar="PART", help=", ".join(names))
    asked = reader.parse_args()
    parts = [each for each in PARTS if each.name in (asked.only or names) and (each.tiny or not asked.tiny)]
    out = asked.out.resolve()
    return Day(asked.device, out, probe(), minutes=asked.minutes, is_tiny=asked.tiny).run(parts)


if __name__ == "__main__":
    sys.exit(main())
