"""Looks of the ground that recipe 2 draws."""

import pytest

from engine.dataset.layout.ground_cover import COVERS, GroundOptions, draw_ground_look, parse_looks
from engine.dataset.options import SceneOptions
from engine.dataset.scene.description import GroundLook
from engine.errors import UsageError

SMALL = SceneOptions(width=200, height=150)


def draw_looks(
    count: int, own: GroundOptions | None = None, options: SceneOptions = SMALL
) -> list[GroundLook]:
    return [
        draw_ground_look(options, own or GroundOptions(), (0, number)) for number in range(count)
    ]


def test_all_looks_come_in_possible_colours_and_some_in_patches() -> None:
    looks = draw_looks(200)
    assert {look.covers[0].kind for look in looks} == set(COVERS)
    for look in looks:
        for color in (
            look.soil,
            look.subsoil,
            look.grass,
            *(cover.accent for cover in look.covers),
        ):
            assert all(0 <= part <= 0.9 for part in color)
    patched = [look for look in looks if len(look.covers) == 2]
    assert 0.2 < len(patched) / 200 < 0.5
    assert all(
        look.covers[0].kind != look.covers[1].kind and 0.1 < look.second_share <= 0.5
        for look in patched
    )
    assert patched[0].cover == "+".join(cover.kind for cover in patched[0].covers)


def test_only_the_named_looks_come_in_their_fractions() -> None:
    looks = draw_looks(200, GroundOptions(ground=parse_looks("gravel=3,snow")))
    assert {cover.kind for look in looks for cover in look.covers} == {"gravel", "snow"}
    assert sum(look.covers[0].kind == "gravel" for look in looks) / 200 == pytest.approx(
        0.75, abs=0.08
    )


def test_the_old_presets_mean_loess_and_red_earth_with_grass() -> None:
    for preset, name in (("loess", "loess"), ("hills", "red-earth")):
        looks = draw_looks(
            10, options=SceneOptions(width=200, height=150, geological_preset=preset)
        )  # type: ignore[arg-type]
        assert {look.covers[0].kind for look in looks} == {name}
        if preset == "hills":
            assert min(look.grass_share for look in looks) >= 0.3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mars", r"^--ground 'mars': is no look; there are gravel, sand, .*snow"),
        ("gravel,gravel", "gravel is there twice"),
        ("snow=much", "'much' is not a number"),
        ("snow=0", "a share is more than 0"),
        ("", "is no look"),
    ],
)
def test_an_unknown_look_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        parse_looks(text)
    assert "\n" not in str(caught.value)
