"""Files from strangers (special, huge, packed, far away) are refused in one line, at once, in
little memory."""

import base64
import json
import os
import struct
import tarfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.dataset.assets.reading import read_model
from engine.dataset.checking.pictures import read_picture
from engine.dataset.checking.problems import _members
from engine.dataset.frozen import MAX_VALUES, _decode_array, freeze, parse_frozen
from engine.dataset.labels.reading import read_coco, read_labels
from engine.dataset.layout.build import describe_recipe_2
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.options import SceneOptions
from engine.dataset.running.manifest import read_manifest
from engine.dataset.scene.description import GroundPicture
from engine.errors import SourceError, UsageError
from tests.dataset.assets import models
from tests.dataset.checking.folders import write_dataset
from tests.support.long_form import IS_SOAK
from tests.support.own_process import lines_of

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl m\nf 1/1 2/2 3/3\n"
posix_only = pytest.mark.only_on("linux", "darwin", reason="Windows has no such files")

IN_LITTLE_MEMORY = """
import sys
from pathlib import Path
from engine.errors import UsageError
from engine.dataset.assets.reading import read_model
from engine.dataset.frozen import parse_frozen
from engine.dataset.ground_texture import parse_ground_texture

for name in sys.argv[1:]:
    try:
        if name.endswith((".obj", ".gltf")):
            read_model(Path(name), "y", 1.0, name)
        elif name.endswith(".png"):
            parse_ground_texture(name)
        else:
            parse_frozen(name)
        print("was read")
    except UsageError as error:
        print(error)
"""
CHECKED = """
import sys
from pathlib import Path
from engine.dataset.checking.check import check_folders
for name in sys.argv[1:]:
    own = Path(name).parent / "own"
    report = check_folders([own], like=Path(name))
    again = check_folders([Path(name)])
    print(len(report.like.faults), *(f"{each.path}: {each.text}" for each in again.problems), sep="; ")
"""


def gltf(path: Path, uri: str) -> Path:
    header, _ = models.gltf(uri=uri)
    path.write_text(json.dumps(header))
    return path


def png_header(path: Path, side_px: int) -> Path:
    """A PNG with a size, without pixels."""
    fields = b"IHDR" + struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (fields, b"IDAT")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def gif_with_a_dot(path: Path, side_px: int) -> Path:
    """A whole GIF of that size, of which only one pixel is in the file."""
    Image.new("P", (1, 1)).save(path, "GIF")
    content = bytearray(path.read_bytes())
    content[6:10] = struct.pack("<HH", side_px, side_px)
    path.write_bytes(content)
    return path


def obj_with(path: Path, texture: str) -> Path:
    """A model with this texture."""
    path.with_suffix(".mtl").write_text(f"newmtl m\nmap_Kd {texture}\n")
    path.write_text(f"mtllib {path.stem}.mtl\n{TRIANGLE}")
    return path


@posix_only
def test_models_scenes_and_textures_that_would_fill_the_memory_or_hang_are_one_line_each(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "zero").symlink_to("/dev/zero")
    with (folder / "huge.mtl").open("wb") as file:
        file.truncate(5 << 30)
    for name in ("/dev/zero", "huge.mtl"):
        (folder / f"{len(name)}.obj").write_text(f"mtllib {name}\n{TRIANGLE}")
    (tmp_path / "secret").write_bytes(bytes(240))  # as many as the box has
    png_header(folder / "wide.png", 30_000)
    for side_px, kind in ((13_500, "TIFF"), (13_500, "GIF"), (9_000, "TIFF")):
        name = f"{side_px}.{kind.lower()}"
        if kind == "TIFF":
            Image.new("1", (side_px, side_px)).save(folder / name, kind, compression="group4")
        else:
            gif_with_a_dot(folder / name, side_px)
    header = b"WEBPVP8X" + struct.pack("<II", 10, 0) + (16_383).to_bytes(3, "little") * 2
    (folder / "wide.webp").write_bytes(b"RIFF" + struct.pack("<I", len(header)) + header)
    (folder / "drawing.eps").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    )
    for name, size in (("bomb", 65 << 20), ("largest", 4 * 4097**2)):
        heights = packed(bytes(size), [4097, 4097]) | {"dtype": "float32", "coding": "steps"}
        scene = {
            "format": 1,
            "piles": [{"x_m": 0.0, "y_m": 0.0}],
            "terrain": {"heights_m": heights},
        }
        (folder / f"{name}.json").write_text(json.dumps(scene))
    due = {
        folder / "bomb.json": f"its data unpacks to more than {4 * 4097**2} bytes",
        folder / "largest.json": "Object missing required field",
        obj_with(
            folder / "tiff.obj", "13500.tiff"
        ): "a texture of 13500x13500 px; sides of up to 8192 px are possible",
        obj_with(
            folder / "gif.obj", "13500.gif"
        ): "a texture of 13500x13500 px; sides of up to 8192 px are possible",
        obj_with(
            folder / "9000.obj", "9000.tiff"
        ): "a texture of 9000x9000 px; sides of up to 8192 px are possible",
        obj_with(
            folder / "drawing.obj", "drawing.eps"
        ): "names drawing.eps, which is a texture that cannot be read; save it as JPEG or PNG",
        gltf(folder / "device.gltf", "/dev/zero"): "names /dev/zero, which is outside",
        gltf(folder / "link.gltf", "zero"): "names zero, which is outside",
        gltf(folder / "fifo.gltf", "fifo"): "names fifo, which is a FIFO, where a file is needed",
        gltf(folder / "far.gltf", "../secret"): "names ../secret, which is outside",
        folder / "9.obj": "names /dev/zero, which is outside",
        folder / "8.obj": "names huge.mtl, which is larger than 1 GiB",
        obj_with(
            folder / "wide.obj", "wide.png"
        ): "a texture of 30000x30000 px; sides of up to 8192 px are possible",
        obj_with(
            folder / "webp.obj", "wide.webp"
        ): "names wide.webp, which is a picture of more than 179 million pixels",
        folder / "wide.png": "30000x30000 px; sides of 16 to 4096 px are possible",
        folder / "fifo": "cannot be read (a FIFO, where a file is needed)",
        folder / "zero": "cannot be read (a device, where a file is needed)",
    }
    lines, peak_mb = lines_of(IN_LITTLE_MEMORY, *due)
    assert len(lines) == len(due), lines
    for line, reason in zip(lines, due.values(), strict=True):
        assert reason in line
    assert peak_mb < 300


def test_a_texture_in_any_usual_format_gives_its_colour(tmp_path: Path) -> None:
    for suffix in ("png", "tiff", "gif", "bmp", "webp", "dds", "jp2", "ppm", "tga"):
        Image.new("RGB", (8, 8), (200, 30, 30)).save(tmp_path / f"red.{suffix}", lossless=True)
        red, green, _ = (
            read_model(obj_with(tmp_path / "red.obj", f"red.{suffix}"), "y", 1.0, "red")
            .parts[0]
            .albedo
        )
        assert red > 20 * green, suffix


def test_a_model_and_a_scene_that_name_a_device_of_windows_are_refused_everywhere(
    tmp_path: Path,
) -> None:
    with pytest.raises(
        UsageError, match=r"names COM1\.bin, which is a name that Windows reserves for a device"
    ):
        read_model(gltf(tmp_path / "a.gltf", "COM1.bin"), "y", 1.0, "ours")
    (tmp_path / "b.obj").write_text(f"mtllib sub/nul.mtl\n{TRIANGLE}")
    with pytest.raises(
        UsageError, match=r"names sub/nul\.mtl, which is a name that Windows reserves"
    ):
        read_model(tmp_path / "b.obj", "y", 1.0, "ours")
    scene = describe_recipe_2(SceneOptions(width=64, height=64), Recipe2Options(), (5, 2))
    picture = GroundPicture(path=r"C:\pictures\con.png", sha256="0" * 64, size_m=4.0)
    path = tmp_path / "scene.json"
    path.write_bytes(freeze(replace(scene, ground=replace(scene.ground, picture=picture))))
    with pytest.raises(
        UsageError, match=r"names C:.pictures.con\.png, which Windows reserves for a device"
    ):
        parse_frozen(str(path))


@posix_only
def test_a_dataset_with_special_files_is_checked_to_its_end(tmp_path: Path) -> None:
    fifo = tmp_path / "manifest.jsonl"
    os.mkfifo(fifo)
    for path, kind in ((fifo, "a FIFO"), (Path("/dev/zero"), "a device")):
        reason = f"{kind}, where a file is needed"
        assert read_picture(path) == read_coco(path) == f"cannot be read ({reason})"
        with pytest.raises(SourceError, match=reason):
            read_labels(path, 10, 10, 1)
    with pytest.raises(OSError, match="a FIFO"):
        read_manifest(tmp_path)


@posix_only
def test_datasets_with_holes_and_special_files_are_checked_and_compared_in_little_memory(
    tmp_path: Path,
) -> None:
    write_dataset(tmp_path / "own", [1])
    due: dict[Path, str] = {}
    for kind in ("hole", "fifo", "zero"):
        for name, start in (
            ("images/000003.png", b""),
            ("images/000004.tif", b"II*\0\x08\0\0\0"),
            ("labels/000002.txt", b"0 0.5 0.5 0.1 0.1\n"),
            ("coco_more.json", b'{"images": [], "annotations": ['),
            ("manifest.jsonl", b""),
        ):
            if kind != "hole" and name in ("coco_more.json", "manifest.jsonl"):
                continue  # such a file is not taken for a COCO file, and such a manifest is refused
            folder = write_dataset(tmp_path / f"{kind} {Path(name).name}", [2])
            file = folder / name
            file.unlink(missing_ok=True)
            if kind == "fifo":
                os.mkfifo(file)
            elif kind == "zero":
                file.symlink_to("/dev/zero")
            else:
                file.write_bytes(start)
                os.truncate(file, 2 << 30)
            due[folder] = f"{name}: "
    for name, content in (
        ("nested.xml", "<annotation>" * 2 ** (19 if IS_SOAK else 17)),
        ("lines.txt", "ab\n" * 2**21),
    ):
        folder = write_dataset(tmp_path / name, [2])
        label = folder / f"labels/000002{Path(name).suffix}"
        label = folder / "images/000002.xml" if name == "nested.xml" else label
        label.write_text(content)
        due[folder] = f"{label.relative_to(folder).as_posix()}: "
    lines, peak_mb = lines_of(CHECKED, *due)
    assert len(lines) == len(due), lines
    for line, name in zip(lines, due.values(), strict=True):
        assert int(line.partition(";")[0]) >= 1 and name in line
    assert peak_mb < 300


def test_a_shard_whose_member_claims_a_terabyte_is_damaged_not_a_traceback(tmp_path: Path) -> None:
    member = tarfile.TarInfo("000001.png")
    member.size = 10**12
    (tmp_path / "a.tar").write_bytes(member.tobuf() + bytes(1024))
    with pytest.raises(EOFError, match=r"000001\.png has 1000000000000 bytes, more than the shard"):
        list(_members(tmp_path / "a.tar"))


def packed(data: bytes, shape: list[int]) -> dict[str, object]:
    text = base64.b64encode(zlib.compress(data, 1)).decode()
    return {"shape": shape, "dtype": "uint8", "coding": "plain", "data": text}


def test_packed_data_is_unpacked_no_further_than_its_shape() -> None:
    assert (
        _decode_array(np.ndarray, packed(bytes(range(16)), [4, 4])) == np.arange(16).reshape(4, 4)
    ).all()
    with pytest.raises(ValueError, match="unpacks to more than"):
        _decode_array(np.ndarray, packed(bytes(1 << 20), [4, 4]))
    with pytest.raises(ValueError, match=f"at most {MAX_VALUES} are possible"):
        _decode_array(np.ndarray, packed(b"", [100_000, 100_000]))
    cut = packed(b"", [2])
    cut["data"] = base64.b64encode(zlib.compress(b"ab")[:-6]).decode()
    with pytest.raises(ValueError, match="is cut off"):
        _decode_array(np.ndarray, cut)
