"""A fake Resolume Arena: sends messages like its "Output All OSC Messages", second by second.

After the capture of an Arena 7.23.2 with 18 layers, 3 groups, 14 columns and 3 decks in
ShowMeshSystems/showmesh, docs/bench/resolume-control-surface.md, section 6.3: 236 datagrams per
second while nothing plays, 481 with a clip; 1545 addresses in 22 s (here 1400), 39 messages among
them with an empty address; bare `/name`, `/colorid`, `/beatsnap`, `/cliptarget` and
`/ignorecolumntrigger`; playheads, transitions and mixer opacities without end; numbers normalised
to 0..1; of a clip `connect` (the mouse, 1 and 0) and `connected` (its state: 1 stopped, 3 playing).
Addresses without a slash are in it too.

    python -m tests.support.arena --to 127.0.0.1:9000 --seconds 60      # plays it in real time at
                                                                        an engine
"""

import argparse
import itertools
import math
import socket
import struct
import time
from collections.abc import Iterator

IDLE_PER_SECOND = 236
PLAYING_PER_SECOND = 481
LAYERS, GROUPS, COLUMNS, DECKS = 18, 3, 14, 3
EMPTY_PER_SECOND = 2
STATES_PER_SECOND = 66
BARE = ("/name", "/colorid", "/beatsnap", "/cliptarget", "/ignorecolumntrigger")
WITHOUT_SLASH = ("composition/name", "colorid")
STOPPED = 1


def message(address: str, value: float | int | str) -> bytes:
    """One message with any address. the OSC library refuses an empty one."""
    if isinstance(value, str):
        tag, data = "s", _padded(value)
    elif isinstance(value, float):
        tag, data = "f", struct.pack(">f", value)
    else:
        tag, data = "i", struct.pack(">i", value)
    return _padded(address) + _padded(f",{tag}") + data


def second(number: int, *, has_clip: bool = False) -> list[bytes]:
    """The 236 or 481 datagrams that are sent in the second with this number. Deterministic."""
    count = PLAYING_PER_SECOND if has_clip else IDLE_PER_SECOND
    odd = [message("", 0.5)] * EMPTY_PER_SECOND
    odd += [
        message(BARE[number % len(BARE)], 0),
        message(WITHOUT_SLASH[number % len(WITHOUT_SLASH)], "Layer #"),
    ]
    packets = list(itertools.islice(_moving(number, has_clip), count - len(odd)))
    for index, packet in enumerate(odd):  # interleaved, as in the capture
        packets.insert((index + 1) * len(packets) // (len(odd) + 1), packet)
    return packets


def _moving(number: int, has_clip: bool) -> Iterator[bytes]:
    """Playheads, transitions and mixers of every layer, and in each second another part of the
    remaining states."""
    states = _states()
    for index in range(STATES_PER_SECOND):
        address, value = states[(number * STATES_PER_SECOND + index) % len(states)]
        yield message(address, value)
    for step in itertools.count(number * 100):
        phase = step / 240 % 1.0
        if has_clip:
            yield message("/composition/layers/6/clips/2/transport/position", phase)
            yield message("/composition/selectedclip/transport/position", phase)
        layer = step % LAYERS + 1
        at = f"/composition/layers/{layer}"
        yield message(f"{at}/position", phase)
        yield message(f"{at}/transition/phase", 1.0 - phase)
        yield message(f"{at}/video/transition/mixer/opacity", 0.5 + 0.5 * math.sin(step))
        yield message("/composition/tempocontroller/tempophase", phase)


def _states() -> list[tuple[str, float | int | str]]:
    states: list[tuple[str, float | int | str]] = []
    for layer in range(5, LAYERS + 1):  # the other layers are left to the tests
        at = f"/composition/layers/{layer}"
        states += [
            (f"{at}/{name}", 0)
            for name in ("smpte1quickselect", "smpte2quickselect", "bypassed", "solo")
        ]
        states += [(f"{at}/master", 1.0), (f"{at}/video/opacity", 1.0), (f"{at}/name", "Layer #")]
        for clip in range(1, COLUMNS + 1):
            states += [
                (f"{at}/clips/{clip}/connected", STOPPED),
                (f"{at}/clips/{clip}/connect", 0),
                (f"{at}/clips/{clip}/name", ""),
                (f"{at}/clips/{clip}/video/opacity", 1.0),
                (f"{at}/clips/{clip}/dashboard/link1", 0.0),
                (f"{at}/clips/{clip}/selected", 0),
            ]
    for group in range(1, GROUPS + 1):
        at = f"/composition/groups/{group}"
        states += [(f"{at}/master", 1.0), (f"{at}/bypassed", 0)]
        states += [(f"{at}/columns/{column}/connected", 1) for column in range(1, COLUMNS + 1)]
    states += [(f"/composition/columns/{column}/connected", 1) for column in range(1, COLUMNS + 1)]
    states += [(f"/composition/decks/{deck}/selected", 0) for deck in range(1, DECKS + 1)]
    states += [(f"/composition/selectedlayer/{name}", 0.5) for name in ("master", "video/opacity")]
    return states


def _padded(text: str) -> bytes:
    data = text.encode() + b"\0"
    return data + b"\0" * (-len(data) % 4)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Plays a capture's shape at an engine, in real time."
    )
    parser.add_argument("--to", default="127.0.0.1:9000", metavar="HOST:PORT")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument(
        "--idle", action="store_true", help="nothing plays: 236 datagrams per second, not 481"
    )
    args = parser.parse_args()
    host, _, port = args.to.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number in range(args.seconds):
            packets = second(number, has_clip=not args.idle)
            for packet in packets:
                out.sendto(packet, (host, int(port)))
                time.sleep(1 / len(packets))


if __name__ == "__main__":
    main()
