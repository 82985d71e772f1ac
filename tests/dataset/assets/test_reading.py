"""The user's own models as they are drawn: place, size, sides, colours."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.dataset.assets.colors import linear, reduce_colors
from engine.dataset.assets.naming import parse_asset
from engine.dataset.assets.reading import ReadModel, read_asset
from engine.dataset.geometry.batches import Mesh
from engine.errors import UsageError
from tests.dataset.assets.models import BOX, BOX_FACES, write_glb, write_gltf
from tests.dataset.geometry.sites import volume


def model_of(path: Path, settings: str = "") -> ReadModel:
    return read_asset(parse_asset(f"thing={path}{settings}").asset)


def corners_of(model: ReadModel) -> np.ndarray:
    return np.concatenate([part.corners for part in model.parts])


def volume_of(model: ReadModel) -> float:
    flat = corners_of(model).reshape(-1, 3)
    return volume(
        Mesh(
            positions=flat,
            normals=flat,
            triangles=np.arange(len(flat), dtype=np.uint32).reshape(-1, 3),
        )
    )


def test_a_gltf_box_stands_upright_on_the_origin_in_metres(tmp_path: Path) -> None:
    model = model_of(write_glb(tmp_path / "box.glb"), ",scale=0.5")
    assert model.size_m == (1.0, 2.5, 1.5)  # its y is up, its z points south
    corners = corners_of(model)
    assert np.allclose(corners.min(axis=(0, 1)), (-0.5, -1.25, -0.03))
    assert np.allclose(corners.max(axis=(0, 1)), (0.5, 1.25, 1.47))
    assert volume_of(model) == pytest.approx(1.0 * 2.5 * 1.5)
    (part,) = model.parts
    assert part.albedo == pytest.approx((0.8, 0.1, 0.05), abs=0.01) and part.finish == "matt"


@pytest.mark.parametrize(
    "values",
    [
        {"node": {"scale": [-1, 1, 1]}},
        {
            "node": {"matrix": [0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 7, 8, 9, 1]}
        },  # swaps x and y: a mirror, too
        {"faces": BOX_FACES[:, ::-1]},  # inside out
    ],
)
def test_mirrored_and_inverted_models_are_seen_from_outside(
    tmp_path: Path, values: dict[str, object]
) -> None:
    model = model_of(write_glb(tmp_path / "box.glb", **values))
    assert volume_of(model) == pytest.approx(30.0, rel=1e-4)
    for part in model.parts:
        across = np.cross(
            part.corners[:, 1] - part.corners[:, 0], part.corners[:, 2] - part.corners[:, 0]
        )
        assert ((across[:, None] * part.normals).sum(axis=2) > 0).all()


def test_a_sheet_is_seen_from_both_sides(tmp_path: Path) -> None:
    (part,) = model_of(write_glb(tmp_path / "sheet.glb", faces=BOX_FACES[:2])).parts
    up = np.cross(part.corners[:, 1] - part.corners[:, 0], part.corners[:, 2] - part.corners[:, 0])[
        :, 0
    ]
    assert (up > 0).sum() == (up < 0).sum() == 2
    assert len(np.unique(part.corners[..., 0].round(4))) == 2  # a millimetre apart


def test_colours_of_16_bits_at_the_corners_are_kept(tmp_path: Path) -> None:
    colors = np.tile(np.array([40_000, 10_000, 500, 65_535], np.uint16), (8, 1))
    model = model_of(write_glb(tmp_path / "box.glb", color=None, colors=colors))
    assert model.parts[0].albedo == pytest.approx((0.61, 0.1526, 0.0076), abs=0.006)


def test_without_a_material_it_is_grey(tmp_path: Path) -> None:
    (part,) = model_of(write_glb(tmp_path / "box.glb", color=None)).parts
    assert part.albedo == pytest.approx((0.4, 0.4, 0.4), abs=0.005)


def test_a_texture_becomes_a_colour_per_face(tmp_path: Path) -> None:
    texture = np.zeros((8, 8, 3), np.uint8)
    texture[:4], texture[4:] = (0, 0, 200), (200, 0, 0)  # BGR: red above, blue below
    cv2.imwrite(str(tmp_path / "skin.png"), texture)
    (tmp_path / "box.mtl").write_text("newmtl skin\nKd 1 1 1\nmap_Kd skin.png\n", encoding="ascii")
    lines = [
        "mtllib box.mtl",
        *(f"v {x:g} {y:g} {z:g}" for x, y, z in BOX),
        "vt 0.5 0.8",
        "vt 0.5 0.2",
        "usemtl skin",
    ]
    lines += [
        "f " + " ".join(f"{corner + 1}/{1 if triangle < 6 else 2}" for corner in face)
        for triangle, face in enumerate(BOX_FACES)
    ]
    (tmp_path / "box.obj").write_text("\n".join(lines) + "\n", encoding="ascii")
    model = model_of(tmp_path / "box.obj")
    bright = float(linear(np.array(200 / 255)))
    assert sorted(part.albedo for part in model.parts) == [
        pytest.approx((0, 0, bright), abs=0.005),
        pytest.approx((bright, 0, 0), abs=0.005),
    ]
    assert [len(part.corners) for part in model.parts] == [6, 6]
    before = model.sha256
    cv2.imwrite(str(tmp_path / "skin.png"), texture[::-1])
    assert model_of(tmp_path / "box.obj").sha256 != before
    (tmp_path / "skin.png").unlink()
    with pytest.raises(UsageError, match=r"box\.obj: names skin\.png, which is not there$"):
        model_of(tmp_path / "box.obj")


def test_many_colours_become_few_and_stay_near() -> None:
    albedo = np.random.default_rng(1).random((5000, 3)) * 0.2
    albedo[:50] = (0.9, 0.05, 0.05)  # a small mark in a colour of its own
    few = reduce_colors(albedo, np.ones(5000))
    assert len(np.unique(few, axis=0)) == 24
    assert np.abs(few - albedo)[50:].mean() < 0.04
    assert np.abs(few[0] - albedo[0]).max() < 0.1


@pytest.mark.parametrize("suffix", ["ply", "stl"])
def test_formats_of_measuring_have_z_up(tmp_path: Path, suffix: str) -> None:
    import trimesh

    trimesh.Trimesh(BOX, BOX_FACES, process=False).export(tmp_path / f"box.{suffix}")
    assert model_of(tmp_path / f"box.{suffix}").size_m == (2.0, 3.0, 5.0)
    assert model_of(tmp_path / f"box.{suffix}", ",up=y").size_m == (2.0, 5.0, 3.0)


def test_a_buffer_of_its_own_is_read_hashed_and_missed(tmp_path: Path) -> None:
    path = write_gltf(tmp_path / "box.gltf", "box data.bin")
    asset = parse_asset(f"thing={path}").asset
    (tmp_path / "box data.bin").write_bytes(
        (tmp_path / "box data.bin").read_bytes()[:-4] + b"\1\0\0\0"
    )
    with pytest.raises(
        UsageError, match=r"^--asset thing: .*box\.gltf: has changed \(its SHA-256 was"
    ):
        read_asset(asset)
    (tmp_path / "box data.bin").unlink()
    with pytest.raises(UsageError, match=r"box\.gltf: names box data\.bin, which is not there$"):
        parse_asset(f"thing={path}")


def test_what_moves_is_drawn_at_rest_with_a_note(tmp_path: Path) -> None:
    path = write_glb(
        tmp_path / "box.glb", animations=[{"channels": [], "samplers": []}], skins=[{"joints": [0]}]
    )
    model = model_of(path)
    assert model.notes == ("is animated and skinned: drawn in its rest pose",)
    assert volume_of(model) == pytest.approx(30.0)
