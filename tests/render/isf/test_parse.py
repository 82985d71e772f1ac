"""Headers of shader files: what is read, what is forgiven, and one clear reason for the rest."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import IsfError
from engine.params.shader_catalog import read_source
from engine.render.isf.expression import Expression
from engine.render.isf.gl_images import target_sizes
from engine.render.isf.isf_file import MAX_CHARS
from engine.render.isf.parse import parse_isf

BODY = "\nvoid main() { gl_FragColor = vec4(1.0); }\n"


def shader(header: dict[str, Any] | str = "{}", body: str = BODY) -> str:
    return f"/*{header if isinstance(header, str) else json.dumps(header)}*/{body}"


def input_of(**entry: Any) -> Any:
    return parse_isf(shader({"INPUTS": [{"NAME": "a", **entry}]}), path=None).inputs[0]


def reason_of(text: str, path: Path | None = None) -> IsfError:
    with pytest.raises(IsfError) as refused:
        parse_isf(text, path=path)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400
    return refused.value


def test_a_header_is_found_behind_comments_with_trailing_commas_and_keeps_line_numbers() -> None:
    text = "\ufeff// by /* someone */\n/* a licence */\n" + shader(
        {"DESCRIPTION": " two\nlines ", "CREDIT": "me"}
    )
    file = parse_isf(text, path=Path("/nowhere/Warm Rain.fs"))
    assert (file.title, file.description, file.credit) == ("Warm Rain", "two lines", "me")
    file = parse_isf('/*\n{\n"CREDIT": "a */ b"\n}\n*/\nvoid main() {}', path=None)
    text = file.texts.fragment.split("#line 1 0\n")[1]
    assert text.split("\n")[5] == "void isf_main() {}" and "CREDIT" not in text
    file = parse_isf(
        shader('{"INPUTS": [{"NAME": "a", "TYPE": "float",},], "CREDIT": "a,]\tb",}'), path=None
    )
    assert [each.name for each in file.inputs] == ["a"] and file.credit == "a,] b"


def test_an_input_has_its_default_and_its_range() -> None:
    for entry, expected in [
        ({"TYPE": "float"}, (0.5, 0.0, 1.0)),
        ({"TYPE": "float", "DEFAULT": 3, "MIN": 1, "MAX": 5}, (3.0, 1.0, 5.0)),
        ({"TYPE": "float", "DEFAULT": 9, "MIN": 1, "MAX": 5}, (5.0, 1.0, 5.0)),
        ({"TYPE": "float", "DEFAULT": 9}, (9.0, 0.0, 9.0)),
        ({"TYPE": "float", "DEFAULT": -2}, (-2.0, -2.0, 1.0)),
        ({"TYPE": "point2D", "DEFAULT": [0.5, 1, 9]}, ((0.5, 1.0), (0.0, 0.0), (1.0, 1.0))),
        ({"TYPE": "float", "MIN": 1, "MAX": 0.05, "DEFAULT": "0.5"}, (0.5, 0.05, 1.0)),
        ({"TYPE": "bool", "DEFAULT": "true"}, (True, False, True)),
        ({"TYPE": "event", "DEFAULT": 1}, (False, False, True)),
        ({"TYPE": "color"}, ((1.0,) * 4, (0.0,) * 4, (1.0,) * 4)),
        ({"TYPE": "color", "DEFAULT": [0.5, 0, 0]}, ((0.5, 0.0, 0.0, 1.0), (0.0,) * 4, (1.0,) * 4)),
        ({"TYPE": "point2D", "MIN": [-1, -1]}, ((0.0, 0.0), (-1.0, -1.0), (1.0, 1.0))),
        ({"TYPE": "Point2D", "DEFAULT": [200, 0]}, ((200.0, 0.0), (0.0, 0.0), (200.0, 1.0))),
        ({"TYPE": "long", "VALUES": [3, 1, 2], "DEFAULT": 2}, (2, 1, 3)),
        ({"TYPE": "long", "VALUES": [3, 1], "DEFAULT": 7}, (3, 1, 3)),
        ({"TYPE": "long", "MIN": 0, "MAX": 3}, (0, 0, 3)),
    ]:
        each = input_of(**entry)
        assert (each.default, each.minimum, each.maximum) == expected, entry


def test_a_menu_has_labels_and_a_point_divided_by_the_pictures_size_is_in_pixels() -> None:
    assert input_of(TYPE="long", VALUES=[4, 5, 6], LABELS=["one", "two"]).labels == (
        "one",
        "two",
        "6",
    )
    assert input_of(TYPE="long", LABELS=["one", "two", "three"]).values == (0, 1, 2)
    body = "void main() { vec2 d = a.xy / RENDERSIZE + b + c / RENDERSIZE; }"
    with_range = {"NAME": "c", "TYPE": "point2D", "MIN": [0, 0], "MAX": [1, 1]}
    text = shader({"INPUTS": [*({"NAME": n, "TYPE": "point2D"} for n in "ab"), with_range]}, body)
    assert [each.is_in_pixels for each in parse_isf(text, path=None).inputs] == [True, False, False]


def test_a_file_of_version_1_is_parsed_like_one_of_version_2_with_its_kind() -> None:
    def kind(*names: str) -> tuple[bool, bool]:
        file = parse_isf(
            shader({"INPUTS": [{"NAME": name, "TYPE": "image"} for name in names]}), path=None
        )
        return file.is_generator, file.is_transition

    assert kind() == (True, False)
    assert kind("inputImage") == (False, False)
    assert kind("startImage", "endImage") == (False, True)
    old = {
        "PERSISTENT_BUFFERS": {"trail": {"WIDTH": "$WIDTH/$speed", "FLOAT": True}},
        "PASSES": [{"TARGET": "trail"}, {}],
        "INPUTS": [{"NAME": "speed", "TYPE": "long"}],
    }
    trail, last = parse_isf(shader(old), path=None).passes
    assert (
        trail.is_persistent and trail.is_float and trail.width is not None and last.target is None
    )
    header = {"PERSISTENT_BUFFERS": ["trail"], "PASSES": [{"TARGET": "trail", "float": True}]}
    (listed,) = parse_isf(shader(header), path=None).passes
    assert listed.is_persistent and listed.is_float


def test_a_damaged_file_gives_one_clear_reason() -> None:
    for text, line, reason in [
        ("", 1, "no JSON header"),
        (BODY, 1, "no JSON header"),
        ("/*{*/", 1, "no JSON"),
        ('\n\n/*{\n"A": 1\n"B"}*/', 5, "no JSON"),
        ("/*" + '{"a":' * 40_000, 1, "nested"),
        ("/*" + '{"a":[' + "[" * 200_000, 1, "nested"),
        ("/*{}*/\nvoid\0main", 2, "0x00"),
        ("/*{}", 1, "not closed"),
        ("/*{}*/\nvoid main() {\ngl_FragColor = vec4(1.0;\n}", 3, "( is not closed"),
        ("/*{}*/\nvoid main() {\ngl_FragColor = vec4(1.0));\n}", 3, ") closes nothing"),
        ("/*{}*/" + "x" * MAX_CHARS, None, f"at most {MAX_CHARS}"),
        (shader('{"INPUTS": {}}'), None, "INPUTS is no list"),
        (shader('{"INPUTS": [7]}'), None, "entry 0"),
        (shader('{"INPUTS": [{"NAME": "a b", "TYPE": "float"}]}'), None, "'a b'"),
        (shader('{"INPUTS": [{"NAME": "gl_x", "TYPE": "float"}]}'), None, "gl_x"),
        (shader('{"INPUTS": [{"NAME": "a", "TYPE": "cube"}]}'), None, "event"),
        (shader('{"INPUTS": [{"NAME": "a", "TYPE": "float", "MAX": 1e999}]}'), None, "no number"),
        (shader({"INPUTS": [{"NAME": "a", "TYPE": "bool"}] * 2}), None, "twice"),
        (
            shader({"INPUTS": [{"NAME": f"a{n}", "TYPE": "bool"} for n in range(129)]}),
            None,
            "at most 128",
        ),
        (shader({"PASSES": [{}] * 65}), None, "at most 64"),
        (shader({"PASSES": [{"TARGET": "a-b"}]}), None, "no name"),
        (shader({"PASSES": [{"WIDTH": "$NOTHING"}]}), None, "$NOTHING"),
        (shader({"PASSES": [{"WIDTH": "__import__(1)"}]}), None, "not known"),
        (shader({"IMPORTED": {"a": {"PATH": "b.png"}}}), None, "no folder"),
    ]:
        error = reason_of(text)
        assert error.line == line and reason in error.reason, text


@pytest.mark.only_on(
    "linux", "darwin", reason="Windows lets administrators make links, Wine makes none"
)
def test_an_image_behind_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (6, 4)).save(tmp_path / "secret.png")
    (tmp_path / "shaders").mkdir()
    (tmp_path / "shaders" / "link.png").symlink_to(tmp_path / "secret.png")
    text = shader({"IMPORTED": {"noise": {"PATH": "link.png"}}})
    assert "outside" in reason_of(text, tmp_path / "shaders" / "a.fs").reason


def test_images_are_read_from_the_shaders_folder_only_and_refused_if_huge(tmp_path: Path) -> None:
    folder = tmp_path / "shaders"
    (folder / "maps").mkdir(parents=True)
    Image.fromarray(np.full((4, 6, 3), 99, np.uint8)).save(folder / "maps" / "noise.png")
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / "secret.png")

    def imported(path: str) -> str:
        return shader({"IMPORTED": {"noise": {"PATH": path}}})

    (image,) = parse_isf(imported("maps/noise.png"), path=folder / "a.fs").imports
    assert image.pixels.shape == (4, 6, 4) and image.pixels[0, 0].tolist() == [99, 99, 99, 255]
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright
    Image.new("RGB", (6, 4)).save(folder / "turned.jpg", exif=exif)
    assert parse_isf(imported("turned.jpg"), path=folder / "a.fs").imports[0].pixels.shape == (
        6,
        4,
        4,
    )
    for outside in ("../secret.png", str(tmp_path / "secret.png")):
        assert "outside" in reason_of(imported(outside), folder / "a.fs").reason
    (folder / "text.png").write_text("no picture", encoding="utf-8")
    Image.new("RGB", (6, 4)).save(folder / "other.ppm")  # a decoder that no shader needs
    for path in ("text.png", "other.ppm", "missing.png", "maps", "maps/COM1.png", "a\0.png"):
        assert "cannot be read" in reason_of(imported(path), folder / "a.fs").reason
    Image.fromarray(np.zeros((1, 5000), np.uint8)).save(tmp_path / "wide.png")
    error = reason_of(shader({"IMPORTED": {"a": {"PATH": "wide.png"}}}), tmp_path / "a.fs")
    assert "5000x1" in error.reason and "4096" in error.reason


def test_a_vertex_shader_beside_the_file_belongs_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.vs").write_text("void main() { isf_vertShaderInit(); }", encoding="utf-8")
    (tmp_path / "a.fs").write_text(shader(), encoding="utf-8")
    (tmp_path / "b.fs").write_text(shader(), encoding="utf-8")
    assert read_source(tmp_path / "a.fs").vertex == "void main() { isf_vertShaderInit(); }"
    assert read_source(tmp_path / "b.fs").vertex is None


def test_sizes_are_arithmetic_or_refused() -> None:
    for text, value in [
        ("7", 7.0),
        ("$WIDTH / 2.0", 320.0),
        ("floor($HEIGHT/7)", 51.0),
        ("max(floor($WIDTH*0.001), 1.0)", 1.0),
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("8 / 4 / 2", 1.0),
        ("2 ^ 3 % 5", 3.0),
        ("-(2 - 5) * $amount", 1.5),
        ("- 3 + 5", 2.0),
        ("round(2.5) + mod(7, 4)", 6.0),
        ("1e308 * 10", None),
        ("1 / 0", None),
        ("sqrt(0 - 1)", None),
        ("10 ^ 400", None),
    ]:
        names = {"WIDTH": 640.0, "HEIGHT": 360.0, "amount": 0.5}
        assert Expression.compile(text, names).evaluate(names) == value, text
    for text in [
        "(" * 400,
        "1 +",
        "min(1)",
        "2 3",
        "$x",
        "a",
        "1" * 501,
        "9" * 400 + "e",
        "",
        "-" * 99,
    ]:
        with pytest.raises(IsfError):
            Expression.compile(text, ["WIDTH"])


def test_targets_are_bounded() -> None:
    def sizes(*passes: dict[str, Any]) -> dict[str, tuple[int, int]]:
        return target_sizes(parse_isf(shader({"PASSES": list(passes)}), path=None), {}, (640, 360))

    assert sizes({"TARGET": "a", "WIDTH": "$WIDTH/2"}, {"TARGET": "b", "WIDTH": 0}) == {
        "a": (320, 360),
        "b": (1, 360),
    }
    with pytest.raises(IsfError, match="16384x360"):
        sizes({"TARGET": "a", "WIDTH": 16384})
    for side, count, reason in (
        (4096, 1, "takes 256 MB: at most 136 MB"),
        (2896, 3, "its targets take 767 MB"),
    ):
        with pytest.raises(IsfError, match=reason):
            sizes(
                *(
                    {"TARGET": f"t{n}", "WIDTH": side, "HEIGHT": side, "FLOAT": True}
                    for n in range(count)
                )
            )


def test_all_images_of_a_file_share_one_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.render.isf.parse.MAX_BYTES", 100 * 100 * 4 * 2)
    for number in range(3):
        Image.fromarray(np.zeros((100, 100), np.uint8)).save(tmp_path / f"{number}.png")

    def importing(*numbers: int) -> str:
        images = {f"i{index}": {"PATH": f"{number}.png"} for index, number in enumerate(numbers)}
        return shader({"IMPORTED": images})

    assert len(parse_isf(importing(0, 1, 0, 1, 0), path=tmp_path / "a.fs").imports) == 5
    assert "too much memory" in reason_of(importing(0, 1, 2), tmp_path / "a.fs").reason
