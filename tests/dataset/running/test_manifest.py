"""The manifest survives kills, full disks and editors: at worst some pictures are made again."""

import json
from pathlib import Path

import pytest

from engine.dataset.options import SceneOptions
from engine.dataset.running.manifest import DONE, FAILED, MANIFEST, entry_line, read_manifest
from engine.dataset.task import PictureTask, RenderSettings, task_of


def task(index: int, seed: int = 1000) -> PictureTask:
    return PictureTask(
        options=SceneOptions(width=320, height=240),
        drawing=RenderSettings(engine="raster"),
        base_seed=seed,
        index=index,
    )


def test_the_last_line_of_a_picture_counts(tmp_path: Path) -> None:
    manifest = read_manifest(tmp_path)
    manifest.append(entry_line(task(1), status=FAILED, reason="crashed"))
    manifest.append(entry_line(task(0), status=DONE))
    manifest.append(entry_line(task(1), status=DONE, seconds=1.5))
    again = read_manifest(tmp_path)
    assert (
        again.lines[1].is_done and next(again.entries([1])).seconds == 1.5 and again.unreadable == 0
    )
    again.tidy()
    assert [
        json.loads(line)["index"] for line in (tmp_path / MANIFEST).read_text().splitlines()
    ] == [0, 1]


@pytest.mark.parametrize("indices", [0.0, 0.3, 0.5, 0.999])
def test_a_truncated_manifest_loses_only_its_last_picture(tmp_path: Path, indices: float) -> None:
    manifest = read_manifest(tmp_path)
    for index in range(4):
        manifest.append(entry_line(task(index), status=DONE))
    whole = (tmp_path / MANIFEST).read_bytes()
    cut = whole[: int(len(whole) * indices)]
    (tmp_path / MANIFEST).write_bytes(cut)
    left = read_manifest(tmp_path)
    assert sorted(left.lines) == list(range(cut.count(b"\n")))
    assert left.unreadable == (0 if not cut or cut.endswith(b"\n") else 1)
    left.tidy()
    left.append(entry_line(task(9), status=DONE))
    assert sorted(read_manifest(tmp_path).lines) == [*range(cut.count(b"\n")), 9]


def test_a_foreign_line_is_counted_and_ignored(tmp_path: Path) -> None:
    manifest = read_manifest(tmp_path)
    manifest.append(entry_line(task(0), status=DONE))
    with (tmp_path / MANIFEST).open("ab") as file:
        file.write(b'{"index": 1}\n\xff\xfe\n[]\n"text"\n\n')
        file.write(entry_line(task(1), status=DONE).replace(b'"index": 1', b'"index": "1"'))
        file.write(
            entry_line(task(1), status=DONE, engine="x").replace(
                b'"engine": "x"', b'"engine": ["x"]'
            )
        )
        file.write(b"[" * 100_000 + b"\n")
    manifest.append(entry_line(task(2), status=DONE))
    again = read_manifest(tmp_path)
    assert sorted(again.lines) == [0, 2] and again.unreadable == 7


def test_a_task_survives_serialisation_with_a_seed_of_any_size() -> None:
    for seed in (0, 2**63, 2**80):
        assert task_of(task(3, seed).as_json()) == task(3, seed) and task(3, seed).seed == seed + 3
        assert json.loads(json.dumps(task(3, seed).key)) == task(3, seed).key
