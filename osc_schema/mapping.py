"""Mapping: other programs' addresses and MIDI controls made to move our parameters. Commands only."""

from osc_schema.declare import arguments
from osc_schema.types import Area, Command

MODES = ("fader", "offset", "twos", "sign", "trigger", "rise", "toggle", "momentary")
KEYS = (
    "control", "target", "argument", "low", "high", "curve", "invert", "takeover", "mode", "in_low", "in_high",
    "feedback", "ticks",
)  # fmt: skip
"""Keys of an entry, in the order in which `/map/entry` tells them."""
FORMS = ("stage", "o2m", "midi", "osc")
"""Forms in which `/map/feedback` sends, the usual one first."""
_CHANGED = "/map/changed <count>, to every subscriber"


def _command(verb: str, spec: str, description: str, *replies: str) -> Command:
    address = f"/map/{verb}"
    return Command(
        address=address,
        arguments=arguments(spec),
        description=description,
        replies=(*replies, f"/fail {address} <reason>"),
    )


AREA = Area(
    title="Mapping",
    description="Addresses of other programs, and MIDI through a bridge (Open Stage Control, Sonic Pi, osmid, `m` "
    "arguments), made to move parameters and to give commands. A control is called `osc /any/address` (a number after "
    "it names another argument than the first, from 0), or `midi CHANNEL` and `cc N`, `cc14 N` (the pair N and N+32), "
    "`nrpn N` (0..16383), `note N`, `program N`, `bend` or `pressure`; the device follows where the bridge names one, "
    "and without it any device is meant. Modes: fader; offset, twos, sign (relative encoders: 64 is still, two's "
    "complement, sign and magnitude); trigger; rise (trigger for a state: told again, it does nothing); toggle; "
    "momentary. With takeover a fader that stands elsewhere moves "
    "nothing until it reaches the value of now. `low` and `high` are in the parameter's own unit, `low` may be the "
    "larger one; `curve` is the exponent of the way between them (1: straight); `ticks` is how many of an encoder's it "
    "takes from one end to the other; `feedback` 0 sends nothing back to the control. Entries are numbered from 1 and "
    "kept in a file. A part `*` of an OSC address stands for any one part.",
    commands=(
        _command(
            "learn",
            "address:s argument:s?",
            "Maps what moves next to a parameter, or to a command with its argument; answered when something moved, or "
            "when nothing has for 60 s. Turn an encoder slowly to the right, then back: the mode is how it was read.",
            "/done /map/learn <address> <control> <mode>",
            _CHANGED,
        ),
        _command("cancel", "", "Ends /map/learn.", "/done /map/cancel", "/fail /map/learn cancelled"),
        _command(
            "list",
            "",
            "Asks for all entries and for the names of the maps that can be loaded.",
            f"/map/entry <n> {' '.join(f'<{key}>' for key in KEYS)}, one message an entry",
            "/map/name <name>, one message a map",
            "/done /map/list",
        ),
        _command(
            "add",
            "control:s address:s argument:s?",
            "Maps a control by its name, without moving it.",
            "/done /map/add <n>",
            _CHANGED,
        ),
        _command(
            "set",
            "n:i key:s value:s",
            f"Changes one key of an entry: {', '.join(KEYS)}.",
            "/done /map/set <n> <key>",
            _CHANGED,
        ),
        _command("delete", "n:i", "Deletes an entry; those behind it move up.", "/done /map/delete <n>", _CHANGED),
        _command("clear", "", "Deletes all entries.", "/done /map/clear", _CHANGED),
        _command(
            "heard",
            "most:i?",
            "Asks what other programs send that nothing is mapped to: the addresses heard last, 1000 unless said.",
            "/map/unmapped <address> <sender> <count> <a second> <arguments>, one message an address",
            "/done /map/heard <listed> <addresses in all>",
        ),
        _command(
            "load",
            "name:s first:s?",
            "Adds the entries of a map that is built in (`resolume`) or was saved. `first`: which layer of Resolume "
            "is layer 1 here: 5, or group2 for a group, or selected; what an earlier loading mapped goes.",
            "/done /map/load <name> <entries added>",
            _CHANGED,
        ),
        _command(
            "feedback",
            "on:i port:i? form:s?",
            "Sends what every mapped control should show, now and when it changes: lights, rings, motor faders. To "
            "where this came from, or another port there, until 0 ends it. Forms: `stage` (`/control`, `/note`, "
            "`/pitch`, as Open Stage Control takes MIDI, and OSC controls at their own address), `o2m` (osmid), "
            "`midi` (`m` arguments at `/midi`), `osc` (OSC controls alone).",
            "/done /map/feedback <on> <form>",
        ),
        _command("save", "name:s", "Saves all entries as a map that can be loaded.", "/done /map/save <name>"),
    ),
)
