"""The layout of shared memory: aligned numbers, and offsets on which other programs rely."""

import numpy as np
import pytest

from engine.ipc import layout
from engine.ipc.segment_kind import MAGIC_START

KINDS = [layout.FRAME_RING, layout.AUDIO_RING, layout.CHILD_COUNTERS, layout.GATE]
TABLES = [layout.HEAD, layout.SLOT, *(kind.header for kind in KINDS)]


@pytest.mark.parametrize("table", TABLES)
def test_every_number_lies_on_a_multiple_of_its_size_and_none_overlap(table: np.dtype) -> None:
    end = 0
    for field in table.names:
        type_, offset = table.fields[field][:2]
        assert type_.kind == "S" or offset % type_.itemsize == 0
        assert offset >= end
        end = offset + type_.itemsize
    assert end <= table.itemsize


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_begins_with_the_head_and_is_recognized_by_its_magic(
    kind: layout.SegmentKind,
) -> None:
    assert kind.magic.startswith(MAGIC_START) and len(kind.magic) <= 8
    assert kind.header.itemsize == layout.HEADER_BYTES == layout.HEAD.itemsize
    assert {field: kind.header.fields[field] for field in layout.HEAD.names} == dict(
        layout.HEAD.fields
    )


def test_fields_that_other_programs_read_stay_where_they_are() -> None:
    """Raise the version of a kind with any change; `sinks/shared_reader.py` is copied into other
    programs."""
    offsets = {field: entry[1] for field, entry in layout.FRAME_RING.header.fields.items()}
    fields = "state", "width", "slot_stride", "first_slot", "newest"
    assert [offsets[field] for field in fields] == [12, 16, 40, 48, 64]
    assert [layout.SLOT.fields[field][1] for field in ("begin", "end", "index", "generation")] == [
        0,
        8,
        16,
        32,
    ]
    assert [
        layout.GATE.field_index(field) * 8 for field in ("voice_ns", "device_1", "works_ns_16")
    ] == [216, 224, 600]
