"""--asset: the text, and files that cannot be used; one line each, before anything is written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.dataset import DatasetJob, RenderSettings
from engine.dataset.assets.naming import parse_asset
from engine.dataset.labels.options import LabelOptions
from engine.dataset.layout.assets import AssetOptions
from engine.dataset.layout.options import Recipe2Options
from engine.errors import UsageError
from tests.dataset.assets.models import BOX, BOX_FACES, gltf, packed, write_glb
from tests.support.cases import cases_of

WHOLE = packed(*gltf())
NAN = BOX.copy()
NAN[3, 1] = np.nan


def test_the_text_names_file_scale_count_class_and_axis(tmp_path: Path) -> None:
    path = write_glb(tmp_path / "a, b=c.glb")
    chosen = parse_asset(f"big-box_2={path},scale=0.1,count=2..5,class=machine,up=z")
    asset = chosen.asset
    assert (asset.name, asset.path, asset.scale) == ("big-box_2", str(path), 0.1)
    assert (asset.category, asset.up) == ("machine", "z")
    assert chosen.count == (2, 5) and asset.size_m == pytest.approx((0.2, 0.3, 0.5))
    plain = parse_asset(f"box={path}")
    assert (plain.asset.category, plain.asset.up, plain.count) == ("box", "y", None)


@pytest.mark.parametrize(("text", "message"), cases_of(__file__)["refused"])
def test_a_wrong_text_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = write_glb(tmp_path / "box.glb")
    with pytest.raises(UsageError, match=rf"^--asset [^\n]*{message}[^\n]*$"):
        parse_asset(text.replace("FILE", str(path)))


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def huge() -> bytes:
    header, binary = gltf()
    header["accessors"][1]["count"] = 30_000_000  # declared, and not there
    return packed(header, binary)


def unreadable_texture() -> tuple[dict[str, Any], bytes]:
    header, binary = gltf()
    header["images"] = [{"bufferView": 0, "mimeType": "image/png"}]
    header["textures"] = [{"source": 0}]
    header["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    return header, binary


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged, or no model"),
        (b"<html>not here</html>" * 9, "does not begin like a glTF 2.0 binary"),
        (WHOLE[: len(WHOLE) - 40], "is cut short: [0-9]+ of [0-9]+ bytes"),
        (packed({"asset": {"version": "2.0"}}, b""), "has no triangles$"),
        (packed(*gltf(mode=0)), "has no triangles$"),
        (packed(*gltf(mode=6)), "has triangle fans"),
        (packed(*gltf(corners=NAN)), "has corners whose places are not numbers"),
        (packed(*gltf(corners=BOX * 0)), "has no triangle with an area"),
        (packed(*gltf(color=(1, 1, 1, 0.0))), "that is not transparent"),
        (packed(*gltf(faces=BOX_FACES + 2)), "is damaged: a triangle names a corner"),
        (
            packed(*gltf(extensionsRequired=["KHR_draco_mesh_compression"])),
            "is compressed with KHR_draco",
        ),
        (
            packed(*unreadable_texture()),
            "has a texture that cannot be read; save it as JPEG or PNG",
        ),
        (huge(), "has 10000000 triangles, at most 500000 are possible; reduce it"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = written(tmp_path / "box.glb", content)
    with pytest.raises(UsageError, match=rf"^--asset box: [^\n]*box\.glb: [^\n]*{message}"):
        parse_asset(f"box={path}")


def test_no_random_damage_ends_in_a_traceback(tmp_path: Path) -> None:
    draw = np.random.default_rng(7)
    refused = 0
    for _ in range(60):
        content = bytearray(WHOLE)
        for at in draw.integers(12, len(content), 6):
            content[at] = int(draw.integers(256))
        try:
            parse_asset(f"box={written(tmp_path / 'box.glb', bytes(content))}")
        except UsageError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 30


def test_a_model_whose_class_is_not_among_the_classes_is_reported_to_get_no_label(
    tmp_path: Path,
) -> None:
    path = write_glb(tmp_path / "box.glb")
    recipe_2 = Recipe2Options(
        assets=AssetOptions(
            asset=tuple(map(parse_asset, (f"box={path}", f"post={path},class=pile")))
        )
    )
    job = DatasetJob(
        output=tmp_path / "out", drawing=RenderSettings(engine="raster"), recipe_2=recipe_2
    )
    assert job.notes == ("--asset box: gets no label; give --classes pile,box",)
    for chosen in (("pile", "box"), ("pile",)):  # what is named is wanted
        assert replace(job, labels=LabelOptions(classes=chosen)).notes == ()


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    chosen = parse_asset(f"box={write_glb(tmp_path / 'box.glb')}")
    with pytest.raises(UsageError, match="--asset box: is given twice"):
        AssetOptions(asset=(chosen, chosen)).check()
