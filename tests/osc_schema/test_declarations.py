"""The declarations agree with each other and with the contract that patches rely on."""

import ast
import sys
from pathlib import Path

import pytest

import osc_schema
from osc_schema import COMMANDS, PARAMS, ParamType

PACKAGE = Path(osc_schema.__file__).parent


def addresses(pattern: str) -> list[str]:
    return [param.address for param in osc_schema.match(pattern)]


def test_no_address_is_declared_twice() -> None:
    everything = [item.address for item in (*PARAMS, *COMMANDS)]
    assert len(set(everything)) == len(everything)


def test_every_declaration_is_consistent() -> None:
    for param in PARAMS:
        accepted = osc_schema.accept(param, param.default)
        assert (accepted.value, accepted.note) == (param.default, "")
        assert type(accepted.value) is type(param.default)
        assert param.description.endswith((".", ")")) and len(param.description) > 10
        assert param.low < param.high
        assert param.scale == "linear" or param.low > 0
        assert param.out_of_range != "wrap" or param.type is ParamType.FLOAT
        assert all(name == name.lower() and not name.isdecimal() for name in (*param.menu, *param.stops))
        assert not osc_schema.is_pattern(param.address)
        if param.type not in (ParamType.FLOAT, ParamType.STOPS, ParamType.MENU):
            assert param.smoothing_ms == 0, "only floats, and the shares of a menu's items, can glide"
        assert not {old for old, _ in param.former_items} & set(param.menu)
        assert {new for _, new in param.former_items} <= set(param.menu)
        assert len(param.swatches) in (0, len(param.menu))


def test_every_command_declares_its_replies() -> None:
    for command in COMMANDS:
        assert command.replies and command.description
        assert osc_schema.lookup_command(command.address) is command
        optional = [argument.is_optional for argument in command.arguments]
        assert optional == sorted(optional), "optional arguments come last"


def test_one_command_stands_for_the_numbers_1_to_999() -> None:
    cue = osc_schema.lookup_command("/cue/<n>")
    assert osc_schema.lookup_command("/cue/1") is osc_schema.lookup_command("/cue/999") is cue
    assert osc_schema.split_number("/cue/12") == ("/cue/<n>", 12)
    assert osc_schema.lookup_command("/cue/go") is not cue
    for other in ("/cue/0", "/cue/1000", "/cue/07", "/cue/1x", "/cue/1/go", "/cue/1\n", "/go/1", "/cue"):
        assert osc_schema.lookup_command(other) is None


def test_a_fresh_start_is_dark_in_silence_and_draws_four_circles_in_the_colours_of_a_palette() -> None:
    defaults = {param.address: param.default for param in PARAMS}
    assert [defaults[f"/layer/{n}/angle"] for n in (1, 2, 3, 4)] == [0.0, 45.0, 90.0, 135.0]
    expected = {
        "/mode": "multiverse",
        "/multiverse/bias": 0.0,
        "/multiverse/tone": "filmic",
        "/multiverse/light": "linear",
        "/colour/mode": "palette",
        "/colour/glide_ms": 1500.0,
        "/colour/palette": "plasma",
        "/layer/1/shape": "circle",
        "/layer/4/shape": "circle",
        "/layer/2/wrap": "mirror",
        "/layer/5/intensity": 0.0,
        "/region/enable": False,
        "/region/equalise": True,
        "/region/sat_min": 0.2,
        "/region/background": 3,
        "/mirror/mode": "off",
        "/master/fade": 1.0,
        "/safety/flash_guard": True,
        "/audio/3/auto": True,
        "/audio/3/channel": 3,
        "/audio/features/rate_hz": 0.0,
    }
    assert {address: defaults[address] for address in expected} == expected


def test_presets_hold_no_master_sink_engine_or_venue_setting() -> None:
    kept_out = {"master", "safety", "sink", "engine"}
    stored = {param.address for param in PARAMS if param.stored}
    assert not {address for address in stored if address.split("/")[1] in kept_out}
    for pattern in ("/audio/layout", "/audio/*/gain_db", "/audio/*/auto", "/audio/*/channel"):
        assert not stored & set(addresses(pattern))
    assert stored > {param.address for param in PARAMS if param.is_look}


def test_panic_leaves_sound_outputs_and_master_alone() -> None:
    looks = {param.area for param in PARAMS if param.is_look}
    looks_expected = "mode multiverse colour layer region feedback mirror post fx mod lfo"
    assert looks == set(looks_expected.split())


def test_a_mistyped_address_gets_the_nearest_one_suggested() -> None:
    assert osc_schema.nearest("/layr/1/angle")[0] == "/layer/1/angle"
    assert osc_schema.nearest("/preset/lod")[0] == "/preset/load"
    assert len(osc_schema.nearest("/layer/1/angel", count=2)) == 2
    assert osc_schema.nearest("/panic") == ("/master/panic",)
    assert osc_schema.nearest("z" * 100_000) == ()


@pytest.mark.parametrize("address", ["/nope", "/fade_in", "/volume", "/1/fader1", "/", ""])
def test_an_address_unlike_any_other_gets_no_suggestion(address: str) -> None:
    assert osc_schema.nearest(address) == ()
    assert str(osc_schema.unknown_address(address)).endswith(": no such parameter")


def test_the_schema_imports_the_standard_library_only() -> None:
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                top = module.split(".")[0]
                assert top == "osc_schema" or top in sys.stdlib_module_names, f"{file.name} imports {module}"


def test_no_address_is_both_a_parameter_and_the_container_of_others() -> None:
    """OSC 1.0: methods are the leaves of the address tree."""
    addresses = [entry.address for entry in (*osc_schema.PARAMS, *osc_schema.COMMANDS)]
    containers = {address.rsplit("/", depth)[0] for address in addresses for depth in range(1, address.count("/"))}
    assert containers.isdisjoint(addresses)


def test_renamed_addresses_exist_under_their_new_name() -> None:
    for old, new in osc_schema.RENAMED.items():
        assert osc_schema.lookup(old) is None and osc_schema.lookup(new) is not None
