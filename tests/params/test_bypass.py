"""The values that are drawn in place of bypassed shaders."""

from engine.params import ParamStore
from engine.params.bypass import fallback_of
from engine.params.looks import LOOKS
from osc_schema.fx import FALLBACK, FALLBACKS, GENERATOR, LOOK_SLOTS, OWN_LAYERS, file_address


def has_shaders(name: str) -> bool:
    return any(LOOKS[name][file_address(slot)] for slot in LOOK_SLOTS)


def test_every_look_without_shaders_can_hold_the_picture_of_one_that_a_shader_covers(
    store: ParamStore,
) -> None:
    plain = {name.lower() for name in LOOKS if not has_shaders(name) and name != "Poster"}
    assert plain <= set(FALLBACKS)
    for name, look in LOOKS.items():
        if look[file_address(GENERATOR)]:
            assert look[FALLBACK] in FALLBACKS and look[FALLBACK] != OWN_LAYERS, name
            assert not any(look[f"/layer/{n}/intensity"] for n in range(1, 5)), (
                f"{name}: nobody sees its layers"
            )
    for fallback in FALLBACKS:
        store.set(FALLBACK, fallback)
        values = fallback_of(store.snapshot())
        assert any(values[f"/layer/{n}/intensity"] for n in range(1, 5)), f"{fallback}: black"


def test_a_fallback_moves_by_its_own_routes_and_those_to_models_stay(store: ParamStore) -> None:
    store.set_many([("/mod/2/source", "low"), ("/mod/2/target", "/sd/strength")], by="test")
    store.set(FALLBACK, "mandala")
    values = fallback_of(store.snapshot())
    assert (
        values["/mod/1/target"] == LOOKS["Mandala"]["/mod/1/target"]
        and "/mod/2/target" not in values
    )
    assert "/text/1/text" not in values, "texts stay"
