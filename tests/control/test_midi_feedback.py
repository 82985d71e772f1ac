"""MIDI that sets a control's light, ring or motor, in each bridge's form; it reads back as the same
MIDI."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from engine.control.foreign.midi_bridges import midi_packets
from engine.osc.decode import Message, Midi, decode_packet
from engine.params.mapping.controls import control_of


def sent(name: str, value: float, form: str) -> list[Message]:
    return [decode_packet(packet) for packet in midi_packets(control_of(name), value, form)]


def test_each_bridge_gets_midi_in_its_own_form() -> None:
    """`OSC_TO_MIDI` in src/server/python/utils.py, `send_midi` in main.py: channel 1..16 first."""
    for name, value, expected in [
        ("midi 2 cc 7", 99.6, [("/control", 2, 7, 100)]),
        ("midi 2 cc14 7", 8193, [("/control", 2, 7, 64), ("/control", 2, 39, 1)]),
        (
            "midi 1 nrpn 300",
            9000,
            [
                ("/control", 1, 99, 2),
                ("/control", 1, 98, 44),
                ("/control", 1, 6, 70),
                ("/control", 1, 38, 40),
            ],
        ),
        ("midi 10 note 36", 127, [("/note", 10, 36, 127)]),
        ("midi 10 note 36", 0, [("/note", 10, 36, 0)]),
        ("midi 1 bend", 16383, [("/pitch", 1, 16383)]),
        ("midi 1 pressure", 200, [("/channel_pressure", 1, 127)]),
        ("midi 1 program 5", 1, []),
    ]:
        assert [
            (message.address, *message.args) for message in sent(name, value, "stage")
        ] == expected, name
    # osmid's oscinprocessor.cpp: `/<device or *>/<command>`, each argument an int32.
    for name, value, expected in [
        ("midi 2 cc 7 nanokontrol2:0", 64, ("/nanokontrol2/control_change", 2, 7, 64)),
        ("midi 2 cc 7", 64, ("/*/control_change", 2, 7, 64)),
        ("midi 10 note 36 a_pad_0:1", 127, ("/a_pad_0/note_on", 10, 36, 127)),
        ("midi 1 bend x", 8192, ("/x/pitch_bend", 1, 8192)),
        ("midi 1 pressure x:12", 9, ("/x/channel_pressure", 1, 9)),
    ]:
        (message,) = sent(name, value, "o2m")
        assert (message.address, *message.args) == expected, name
        assert set(message.type_tags) == {"i"}, name
    assert sent("midi 16 cc 7", 100, "midi") == [Message("/midi", (Midi(0, 0xBF, 7, 100),), "m")]
    assert sent("midi 1 bend", 8193, "midi") == [Message("/midi", (Midi(0, 0xE0, 1, 64),), "m")]


MODULE = """
const assert = require("assert"), fs = require("fs"), vm = require("vm")
const sent = [], module_ = {exports: null}
vm.runInContext(fs.readFileSync(0, "utf8"), vm.createContext({module: module_, send: (...all) => sent.push(all)}))
const {init, oscInFilter} = module_.exports
const heard = (host, port, address, ...values) =>
    oscInFilter({host, port, address, args: values.map((value) => ({type: "i", value}))})
init()
heard("midi", "desk", "/control", 1, 7, 64)
heard("127.0.0.1", 9000, "/control", 1, 7, 65)
heard("127.0.0.1", 9000, "/1/fader3", 1)
heard("127.0.0.1", 5555, "/control", 1, 7, 66)
console.log(JSON.stringify(sent.map((all) => all.map((one) => (one.type === "i" ? one.value : one)))))
"""


def test_the_module_for_open_stage_control_passes_midi_both_ways(
    require: Callable[[object, str], None],
) -> None:
    """The module in docs, run in a context like that of custom-module.mjs and osc/index.mjs:
    `send(host, port, address, ...)` takes `midi` as the host and the device as the port, and
    messages from a device have these too."""
    node = shutil.which("node")
    require(node, "Node")
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "midi-bridges.md").read_text(
        encoding="utf-8"
    )
    code = page.partition("```js\n")[2].partition("```")[0]
    ran = subprocess.run(
        [node, "-e", MODULE], input=code, capture_output=True, text=True, timeout=120, check=True
    )
    assert json.loads(ran.stdout) == [
        ["127.0.0.1", 9000, "/map/feedback", 1],
        ["127.0.0.1", 9000, "/control", 1, 7, 64],
        ["midi", "desk", "/control", 1, 7, 65],
    ]
