"""Results of trials on the disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.render.isf import vet_record
from engine.render.isf.isf_file import IsfImport
from engine.render.isf.parse import parse_isf
from engine.render.isf.vet_record import (
    VetRecord,
    prune_records,
    read_record,
    record_path,
    write_record,
)

FILE = """/*{"INPUTS": [
    {"NAME": "glow", "TYPE": "float", "DEFAULT": 0.5, "LABEL": "Glow"},
    {"NAME": "kind", "TYPE": "long", "VALUES": [1, 5], "LABELS": ["a", "b"]},
    {"NAME": "hue", "TYPE": "color", "DEFAULT": [1, 0, 0.5, 1], "IDENTITY": [0, 0, 0, 0]}],
  "PASSES": [{"TARGET": "small", "WIDTH": "max($WIDTH / 2.0, -$glow)"}, {}]}*/
void main() { gl_FragColor = hue * glow; }"""
RECORD = VetRecord(
    ok=True,
    note="draws only black with its default inputs",
    draw_ms=4.5,
    size_px=(960, 540),
    file=parse_isf(FILE, path=Path("a.fs")),
    thumbnail=np.full((36, 64, 3), 120, np.uint8),
)


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_record(tmp_path / "a.json", RECORD)
    read = read_record(tmp_path / "a.json")
    assert read is not None and read.thumbnail is not None
    assert replace(read, thumbnail=None).draw_ms == 4.5
    assert (read.ok, read.note, read.line, read.size_px) == (True, RECORD.note, None, (960, 540))
    assert read.file is not None and RECORD.file is not None and read.file.path is None
    for name in ("title", "inputs", "passes", "texts", "budget"):
        assert getattr(read.file, name) == getattr(RECORD.file, name)
    assert abs(read.thumbnail.astype(int) - 120).max() <= 2
    images = (IsfImport(name="map", pixels=np.zeros((4, 4, 4), np.uint8)),)
    write_record(tmp_path / "a.json", replace(RECORD, file=replace(RECORD.file, imports=images)))
    read = read_record(tmp_path / "a.json")
    assert read is not None and read.file is None, "which would be played without its images"


def test_each_text_and_driver_has_a_record_and_a_larger_picture_takes_longer(
    tmp_path: Path,
) -> None:
    same = record_path(tmp_path, "text", None, "1.0, llvmpipe")
    assert same == record_path(tmp_path, "text", None, "1.0, llvmpipe")
    others = {
        record_path(tmp_path, "text ", None, "1.0, llvmpipe"),
        record_path(tmp_path, "text", "", "1.0, llvmpipe"),
        record_path(tmp_path, "text", None, "1.0, another"),
    }
    assert len(others | {same}) == 4
    assert (
        RECORD.draw_ms_at((1920, 1080)) == pytest.approx(18.0)
        and RECORD.draw_ms_at((96, 54)) == 4.5
    )


def test_a_file_that_is_no_record_is_none(tmp_path: Path) -> None:
    for content in [b"", b"\0", b"[]", b"{}", b'{"ok": true, "size_px": [0, 0]}', b"9" * 300_000]:
        (tmp_path / "a.json").write_bytes(content)
        assert (
            read_record(tmp_path / "a.json") is None
            and read_record(tmp_path / "missing.json") is None
        ), content


def test_the_oldest_records_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(vet_record, "MAX_RECORDS", 2)
    for number in range(4):
        write_record(tmp_path / f"{number}.json", RECORD)
        os.utime(tmp_path / f"{number}.json", (number, number))
    prune_records(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"2.json", "3.json"}
