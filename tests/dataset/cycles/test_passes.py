"""Reading the OpenEXR files in which Blender writes its passes."""

import struct
from pathlib import Path

import numpy as np
import pytest

from engine.dataset.cycles.files import read_passes
from engine.errors import RenderError


def exr(
    channels: dict[str, np.ndarray], flags: int = 2, compression: int = 0, kind: int = 2
) -> bytes:
    """An OpenEXR file written by the format's specification: attributes, table of offsets,
    lines."""

    def attribute(name: str, type_name: str, value: bytes) -> bytes:
        return (
            name.encode()
            + b"\0"
            + type_name.encode()
            + b"\0"
            + struct.pack("<i", len(value))
            + value
        )

    names = sorted(channels)
    height, width = channels[names[0]].shape
    listed = (
        b"".join(name.encode() + b"\0" + struct.pack("<iiii", kind, 0, 1, 1) for name in names)
        + b"\0"
    )
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    head = struct.pack("<II", 20000630, flags)
    head += attribute("channels", "chlist", listed) + attribute(
        "compression", "compression", bytes([compression])
    )
    head += attribute("dataWindow", "box2i", window) + b"\0"
    line_bytes = 8 + 4 * width * len(names)
    first = len(head) + 8 * height
    head += b"".join(struct.pack("<Q", first + row * line_bytes) for row in range(height))
    for row in range(height):
        head += struct.pack("<ii", row, line_bytes - 8)
        head += b"".join(channels[name][row].astype("<f4").tobytes() for name in names)
    return head


def test_each_channel_is_read_back_unchanged(tmp_path: Path) -> None:
    channels = {
        "layer.Index.X": np.array([[0, 1, 32767], [3, 4, 5]], np.float32),
        "layer.Depth.Z": np.array([[99.5, 1e10, 0.25], [-1, 2, 7]], np.float32),
    }
    (tmp_path / "a.exr").write_bytes(exr(channels))
    read = read_passes(tmp_path / "a.exr")
    assert read.keys() == channels.keys()
    for name, values in channels.items():
        np.testing.assert_array_equal(read[name], values)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"flags": 2 | 0x200}, "scan lines"),
        ({"flags": 2 | 0x1000}, "scan lines"),
        ({"compression": 3}, "compressed"),
        ({"kind": 1}, "32-bit floats"),
    ],
)
def test_another_kind_of_file_is_refused_by_name(
    tmp_path: Path, changes: dict, reason: str
) -> None:
    (tmp_path / "a.exr").write_bytes(exr({"Z": np.zeros((2, 2), np.float32)}, **changes))
    with pytest.raises(RenderError, match=rf"^a\.exr: .*{reason}"):
        read_passes(tmp_path / "a.exr")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    whole = exr({"Z": np.zeros((4, 4), np.float32)})
    for size in range(8, len(whole)):
        (tmp_path / "a.exr").write_bytes(whole[:size])
        with pytest.raises(RenderError, match=r"^a\.exr: is truncated"):
            read_passes(tmp_path / "a.exr")
