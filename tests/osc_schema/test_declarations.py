"""The declarations agree with each other and with the contract that patches rely on."""

import ast
import re
import sys
from pathlib import Path

import osc_schema
from osc_schema import COMMANDS, MESSAGES, PARAMS, ParamType

PACKAGE = Path(osc_schema.__file__).parent


def test_no_address_is_declared_twice_or_contains_others_and_renamed_ones_are_known() -> None:
    """OSC 1.0: methods are the leaves of the address tree."""
    everything = [item.address for item in (*PARAMS, *COMMANDS)]
    assert len(set(everything)) == len(everything)
    containers = {
        address.rsplit("/", depth)[0]
        for address in everything
        for depth in range(1, address.count("/"))
    }
    assert containers.isdisjoint(everything)
    for old, new in osc_schema.RENAMED.items():
        assert osc_schema.lookup(old) is None and osc_schema.lookup(new) is not None


def test_a_declaration_is_consistent() -> None:
    for param in PARAMS:
        at, items = param.address, set(param.menu)
        accepted = osc_schema.accept(param, param.default)
        assert (accepted.value, accepted.note) == (param.default, ""), at
        assert type(accepted.value) is type(param.default), at
        assert param.description.endswith((".", ")")) and len(param.description) > 10, at
        assert param.low < param.high, at
        assert param.scale == "linear" or param.low > 0, at
        assert param.out_of_range != "wrap" or param.type is ParamType.FLOAT, at
        assert all(
            name == name.lower() and not name.isdecimal() for name in (*param.menu, *param.stops)
        ), at
        assert not osc_schema.is_pattern(at), at
        if param.type not in (ParamType.FLOAT, ParamType.STOPS, ParamType.MENU):
            assert param.smoothing_ms == 0, (
                f"{at}: only floats, and the shares of a menu's items, can glide"
            )
        assert not {old for old, _ in param.former_items} & items, at
        assert {new for _, new in param.former_items} <= items, at
        assert len(param.swatches) in (0, len(param.menu)), at


def test_every_command_declares_its_replies() -> None:
    for command in COMMANDS:
        assert command.replies and command.description
        assert osc_schema.lookup_command(command.address) is command
        optional = [argument.is_optional for argument in command.arguments]
        assert optional == sorted(optional), "optional arguments come last"


def test_published_messages_have_addresses_of_their_own_and_all_that_the_engine_sends_are_declared() -> (
    None
):
    published = [each.address for message in MESSAGES for each in message.fixed()]
    assert len(set(published)) == len(published) and not {param.address for param in PARAMS} & set(
        published
    )
    assert all(
        message.description.endswith(".") and ("<n>" in message.address) == bool(message.last)
        for message in MESSAGES
    )
    calls = re.compile(r"\b_?(?:tell|notify|publish|broadcast|send_feature)\(\s*\"(/[^\"]*)\"")
    paths = (PACKAGE.parent / "engine").rglob("*.py")
    found = {
        address for path in paths for address in calls.findall(path.read_text(encoding="utf-8"))
    }
    assert "/cue/current" in found
    assert [
        address for address in sorted(found) if osc_schema.lookup_message(address) is None
    ] == []


def test_one_command_stands_for_the_numbers_1_to_999() -> None:
    cue = osc_schema.lookup_command("/cue/<n>")
    assert osc_schema.lookup_command("/cue/1") is osc_schema.lookup_command("/cue/999") is cue
    assert osc_schema.split_number("/cue/12") == ("/cue/<n>", 12)
    assert osc_schema.lookup_command("/cue/go") is not cue
    for other in (
        "/cue/0",
        "/cue/1000",
        "/cue/07",
        "/cue/1x",
        "/cue/1/go",
        "/cue/1\n",
        "/go/1",
        "/cue",
    ):
        assert osc_schema.lookup_command(other) is None


def test_presets_and_panic_leave_sound_outputs_master_and_venue_alone() -> None:
    stored = {param.address for param in PARAMS if param.stored}
    assert not {
        address
        for address in stored
        if address.split("/")[1] in ("master", "safety", "sink", "engine")
    }
    for pattern in ("/audio/layout", "/audio/*/gain_db", "/audio/*/auto", "/audio/*/channel"):
        assert not stored & {param.address for param in osc_schema.match(pattern)}
    looks = [param for param in PARAMS if param.is_look]
    assert stored > {param.address for param in looks}
    assert {param.area for param in looks} == set(
        "mode multiverse colour layer region feedback mirror text logo contour post fx mod lfo "
        "macro".split()
    )


def test_a_mistyped_address_gets_the_nearest_one_suggested_and_one_unlike_any_other_none() -> None:
    assert osc_schema.nearest("/layr/1/angle")[0] == "/layer/1/angle"
    assert osc_schema.nearest("/preset/lod")[0] == "/preset/load"
    assert len(osc_schema.nearest("/layer/1/angel", count=2)) == 2
    assert osc_schema.nearest("/panic") == ("/master/panic",)
    assert osc_schema.nearest("z" * 100_000) == ()
    for address in ("/nope", "/fade_in", "/volume", "/1/fader1", "/", ""):
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
                assert top == "osc_schema" or top in sys.stdlib_module_names, (
                    f"{file.name} imports {module}"
                )
