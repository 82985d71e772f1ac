"""A dataset of 100 000 pictures is resumed within seconds and megabytes; 1000 in the short form."""

import hashlib
import json
import os
import time
from pathlib import Path

import psutil

from engine.dataset.running.folder import DatasetFolder
from engine.dataset.running.manifest import DONE, MANIFEST, entry_line
from tests.dataset.running.test_manifest import task
from tests.support.long_form import IS_SOAK

PICTURES = 100_000 if IS_SOAK else 1000
PIXELS, LABELS = b"pixels" * 100, b"0 0.5 0.5 0.1 0.1\n"


def fill(folder: Path) -> None:
    """Write a dataset of small files, whose manifest has the piles of each scene."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    digests = {
        "labels": hashlib.sha256(LABELS).hexdigest(),
        "images": hashlib.sha256(PIXELS).hexdigest(),
    }
    piles = [
        {"number": number, "place_m": [1.25, 2.5, 0.125], "kind": "phc"} for number in range(20)
    ]
    with (folder / MANIFEST).open("wb") as manifest:
        for index in range(PICTURES):
            files = {f"labels/{index:06d}.txt": LABELS, f"images/{index:06d}.png": PIXELS}
            for path, content in files.items():
                (folder / path).write_bytes(content)
            entry = entry_line(
                task(index),
                status=DONE,
                engine="raster",
                drawn={"piles": piles},
                sha256={path: digests[path.partition("/")[0]] for path in files},
                bytes={path: len(content) for path, content in files.items()},
            )
            manifest.write(entry)


def test_a_large_dataset_is_resumed_in_seconds_and_megabytes(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    fill(folder)
    (folder / "images/000077.png").write_bytes(PIXELS[::-1])
    process = psutil.Process()
    before_mb, began_s = process.memory_info().rss / 2**20, time.process_time()
    memory = DatasetFolder(folder)
    read_s = time.process_time() - began_s
    plan = memory.plan(range(PICTURES + 1), task, is_resuming=True)
    memory.prepare(plan)
    all_s, grown_mb = time.process_time() - began_s, process.memory_info().rss / 2**20 - before_mb
    print(
        f"{PICTURES} pictures: read {read_s:.2f}, with hashing {all_s:.2f} s of processor time, "
        f"{grown_mb:.0f} MB"
    )
    assert plan.missing == (77, PICTURES) and memory.finished == PICTURES - 1
    size = os.path.getsize(folder / MANIFEST)
    memory.manifest.append(entry_line(task(PICTURES), status=DONE))
    assert 0 < os.path.getsize(folder / MANIFEST) - size < 5000, (
        "a line is appended, nothing is rewritten"
    )
    memory.manifest.append(entry_line(task(5), status="failed"))
    memory.manifest.tidy()
    with (folder / MANIFEST).open("rb") as manifest:
        assert [json.loads(line)["index"] for line in manifest] == list(range(PICTURES + 1))
    assert grown_mb < 20 + PICTURES * 0.0008
    memory.close()
