"""The documented layout equals the real one."""

import re

import numpy as np
import pytest

from engine.ipc import layout

TABLES = {
    "head": layout.HEAD,
    "ring": layout.FRAME_RING.header,
    "slot": layout.SLOT,
    "audio": layout.AUDIO_RING.header,
    "words": layout.CHILD_WORDS.header,
    "gate": layout.GATE.header,
    "link": layout.BATCH_LINK.header,
}
KINDS = [layout.FRAME_RING, layout.AUDIO_RING, layout.CHILD_WORDS, layout.GATE, layout.BATCH_LINK]


def documented(table: str) -> list[tuple[int, str, str]]:
    """(offset, type, field) of each line of the module's docstring."""
    text = re.search(rf"^    {table}\n    offset.*\n((?:    \d.*\n)+)", layout.__doc__ or "", re.MULTILINE)
    assert text, table
    return [(int(offset), type_, field) for offset, type_, field, *_ in map(str.split, text[1].splitlines())]


@pytest.mark.parametrize("table", TABLES)
def test_the_documented_table_is_the_layout(table: str) -> None:
    rows = documented(table)
    if table == "slot":
        assert rows.pop() == (layout.SLOT_PIXELS, "u1", "pixels")
    if table not in ("head", "slot"):
        rows = sorted(rows + documented("head"))
    dtype = TABLES[table]
    assert rows == [(dtype.fields[f][1], dtype.fields[f][0].str.lstrip("<|"), f) for f in dtype.names]


@pytest.mark.parametrize("table", TABLES)
def test_every_number_lies_on_a_multiple_of_its_size_and_none_overlap(table: str) -> None:
    end = 0
    for field in TABLES[table].names:
        type_, offset = TABLES[table].fields[field][:2]
        assert type_.kind == "S" or offset % type_.itemsize == 0
        assert offset >= end
        end = offset + type_.itemsize


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_the_magic_that_the_table_documents(kind: layout.SegmentKind) -> None:
    padded = kind.magic.ljust(8, b"\0")
    assert f'{kind.title.upper()}, magic b"{padded.decode()}"'.replace("\0", "\\0") in (layout.__doc__ or "")
    assert kind.magic.startswith(layout.MAGIC_START)
    assert kind.header.itemsize == layout.HEADER_BYTES == np.dtype(layout.HEAD).itemsize
