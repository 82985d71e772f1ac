"""Model files from strangers: whatever they claim or contain, they are one line, at once, in little
memory."""

import os
import pickle
import struct
import zipfile
from pathlib import Path

from tests.support.own_process import lines_of

READ = """
import sys
from pathlib import Path
from engine.errors import ModelError
from engine.models.rvc.index_file import count_vectors
from engine.models.weight_files import open_checkpoint, open_tensors

READERS = {
    ".safetensors": (
        lambda path: open_tensors(path).tensors,
        lambda path: open_checkpoint(path).tensors,
    ),
    ".pth": (lambda path: open_checkpoint(path).tensors,),
    ".index": (lambda path: count_vectors(path, 768),),
}
for name in sys.argv[1:]:
    for read in READERS[Path(name).suffix]:
        try:
            read(Path(name))
            print(name, "was read")
        except ModelError as error:
            print(error)
"""
COUNTS = {".safetensors": 2, ".pth": 1, ".index": 1}


def saved(
    path: Path,
    pickled: bytes,
    parts: dict[str, int] | None = None,
    packing: int = zipfile.ZIP_STORED,
) -> Path:
    """A file like those of torch.save, with this pickle and zeros as weights, but packed."""
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, size in (parts or {}).items():
            with archive.open(f"archive/data/{name}", "w", force_zip64=True) as part:
                for _ in range(size >> 24):
                    part.write(bytes(1 << 24))
    return path


def locked(path: Path) -> Path:
    content = bytearray(saved(path, pickle.dumps({}, 2)).read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + offset] |= 1  # the flag of an encrypted part
    path.write_bytes(content)
    return path


def claims(path: Path, length: int, size: int) -> Path:
    """A safetensors file of `size` bytes, nearly all of them a hole, whose header says it has
    `length`."""
    with path.open("wb") as file:
        file.write(struct.pack("<Q", length))
        file.truncate(size)
    return path


def index(path: Path, count: int) -> Path:
    header = struct.pack("<iqqq?i", 768, count, 0, 0, True, 1)
    path.write_bytes(
        b"IwFl"
        + header
        + struct.pack("<QQ", count, 1)
        + b"IxF2"
        + header
        + struct.pack("<Q", count)
    )
    return path


def test_hostile_model_files_take_neither_memory_nor_time(tmp_path: Path) -> None:
    names = b"\x80\x02" + b"".join(b"cm\n%d\n" % number for number in range(100_000))
    empty, start = pickle.dumps({}, 2), b"\x80\x02"
    due = {
        claims(
            tmp_path / "long.safetensors", 10**12, 2 << 30
        ): "not a safetensors file, or truncated",
        claims(tmp_path / "hole.safetensors", 16 << 20, 2 << 30): "damaged or truncated",
        saved(
            tmp_path / "bomb.pth", empty, {"0": 1 << 26}, zipfile.ZIP_DEFLATED
        ): "its parts are compressed",
        saved(tmp_path / "sets.pth", start + b"\x8f" * (8 * 10**6) + b"."): "too many objects",
        saved(tmp_path / "marks.pth", start + b"]\x94" * (4 * 10**6) + b"."): "too many objects",
        saved(tmp_path / "names.pth", names): "too many names",
        locked(tmp_path / "locked.pth"): "is encrypted",
        saved(tmp_path / "lzma.pth", empty, packing=zipfile.ZIP_LZMA): "its data.pkl is compressed",
        index(tmp_path / "many.index", 1 << 60): "truncated or damaged",
    }
    if os.name != "nt":
        for suffix in COUNTS:
            os.mkfifo(tmp_path / f"fifo{suffix}")
            due[tmp_path / f"fifo{suffix}"] = "a FIFO, where a file is needed"
            (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
            due[tmp_path / f"zero{suffix}"] = "a device, where a file is needed"
    lines, peak_mb = lines_of(READ, *due)
    expected = [(path, reason) for path, reason in due.items() for _ in range(COUNTS[path.suffix])]
    assert len(lines) == len(expected), lines
    for line, (path, reason) in zip(lines, expected, strict=True):
        assert line.startswith(f"{path}: ") and reason in line
    assert peak_mb < 300
