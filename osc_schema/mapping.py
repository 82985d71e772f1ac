"""Commands of the mapping: addresses of other programs and MIDI controls that move parameters."""

from osc_schema.declare import BUTTON, arguments, message
from osc_schema.types import Area, Command

MODES = ("fader", "offset", "twos", "sign", "trigger", "rise", "toggle", "momentary")
KEYS = (
    "control", "target", "argument", "low", "high", "curve", "invert", "takeover", "mode", "in_low",
    "in_high",
    "feedback", "ticks",
)  # fmt: skip
"""Keys of an entry, in the order of `/map/entry`."""
FORMS = ("stage", "o2m", "midi", "osc")
"""Forms in which `/map/feedback` can send; the first is the default."""
MAX_HEARD = 4000
"""Most addresses in one answer of `/map/heard`: half of what the outbox holds."""
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
    description="Maps addresses of other programs, and MIDI, of a port (--midi) or through a "
    "bridge (Open "
    "Stage Control, Sonic Pi, osmid, `m` "
    "arguments), to parameters and commands. A control is named `osc /any/address` (followed by "
    "the index of the "
    "argument, if it is not the first, 0), or `midi CHANNEL` and `cc N`, `cc14 N` (the pair N and "
    "N+32), "
    "`nrpn N` (0..16383), `note N`, `program N`, `bend` or `pressure`, followed by the device if "
    "its name is known; "
    "without one, any device matches. Modes: fader; offset, twos, sign (relative encoders: 64 "
    "means no movement, two's "
    "complement, sign and magnitude); trigger; rise (triggers when a state begins; repeating the "
    "state does nothing); "
    "toggle; momentary. With takeover a fader has no effect until it passes the current value; it "
    "is on for faders, "
    "off for lighting desks (`osc /dmx/...`). `low` and `high` are in the parameter's own unit, "
    "and `low` may be the "
    "larger one; `curve` is the exponent of the curve between them (1: linear); `ticks` is the "
    "number of encoder ticks "
    "from one end to the other; `feedback` 0 sends nothing back to the control. Entries are "
    "numbered from 1 and saved "
    "in a file. `*` as one part of an OSC address matches any one part.",
    commands=(
        _command(
            "learn",
            "address:s argument:s=",
            "Maps the next control that moves to a parameter, or to a command with its argument; "
            "answered when one has "
            "moved, or after 60 s without a movement. Turn an encoder slowly to the right, then "
            "back, to detect its "
            "mode.",
            "/done /map/learn <address> <control> <mode>",
            _CHANGED,
        ),
        _command(
            "cancel",
            BUTTON,
            "Cancels /map/learn.",
            "/done /map/cancel",
            "/fail /map/learn cancelled",
        ),
        _command(
            "list",
            "",
            "Lists all entries, and the names of the maps that can be loaded.",
            f"/map/entry <n> {' '.join(f'<{key}>' for key in KEYS)}, one message per entry",
            "/map/name <name>, one message per map",
            "/done /map/list",
        ),
        _command(
            "add",
            "control:s address:s argument:s=",
            "Maps a control by name, without moving it.",
            "/done /map/add <n>",
            _CHANGED,
        ),
        _command(
            "set",
            "n:i[1..] key:s value:s|f",
            f"Changes one key of an entry: {', '.join(KEYS)}.",
            "/done /map/set <n> <key>",
            _CHANGED,
        ),
        _command(
            "delete",
            "n:i[1..]",
            "Deletes an entry; those after it move up.",
            "/done /map/delete <n>",
            _CHANGED,
        ),
        _command("clear", "", "Deletes all entries.", "/done /map/clear", _CHANGED),
        _command(
            "heard",
            f"max:i[1..{MAX_HEARD}]=1000",
            "Lists unmapped addresses that other programs send, the most recent first; at most "
            "`max`, or 1000.",
            "/map/unmapped <address> <sender> <count> <per second> <arguments>, one message per "
            "address",
            "/done /map/heard <listed> <addresses in total>",
        ),
        _command(
            "load",
            "name:s first:s?",
            "Adds the entries of a built-in (`resolume`) or saved map. `first`: the Resolume "
            "layer that is layer 1 "
            "here, such as 5, group2 for a group, or selected; replaces the entries of an earlier "
            "load of that map.",
            "/done /map/load <name> <entries added>",
            _CHANGED,
        ),
        _command(
            "feedback",
            f"on:switch port:i[1..65535]? form:s[{'|'.join(FORMS)}]={FORMS[0]}",
            "1: sends every mapped control its value, now and on each change, for lights, rings "
            "and motor faders, to "
            "the sender of this command or another port there; 0: stops. Forms: `stage` "
            "(`/control`, `/note`, "
            "`/pitch`, as Open Stage Control takes MIDI, and OSC controls at their own address), "
            "`o2m` (osmid), "
            "`midi` (`m` arguments at `/midi`), `osc` (OSC controls only).",
            "/done /map/feedback <on> <form>",
        ),
        _command(
            "save",
            "name:s",
            "Saves all entries as a map that can be loaded.",
            "/done /map/save <name>",
        ),
    ),
    messages=(message("/map/changed", "count:i", "The list of entries has changed."),),
)
