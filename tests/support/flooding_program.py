"""A program that floods an engine with OSC. Started by path with one JSON object: `host`, `port`, `seed`, `count` (of
packets), `rate`, `ranges` (address -> low and high of each fader).

Of 100 packets, 76 set one fader, 20 set several in a bundle, 3 tap the tempo, 1 saves a preset with its number. Prints
one JSON object: `last` (the newest value of each fader), `messages`, `taps`, `saves`, `ended_s` (`time.perf_counter`).
"""

import json
import random
import socket
import struct
import sys
import time


def string(text: str) -> bytes:
    return text.encode() + bytes(4 - len(text) % 4)


def main() -> None:
    order = json.loads(sys.argv[1])
    chance = random.Random(order["seed"])
    ranges: dict[str, list[float]] = order["ranges"]
    heads = {address: string(address) + b",f\0\0" for address in ranges}
    addresses = list(ranges)
    last: dict[str, float] = {}
    messages = taps = saves = 0

    def fader() -> bytes:
        address = chance.choice(addresses)
        argument = struct.pack(">f", chance.uniform(*ranges[address]))
        (last[address],) = struct.unpack(">f", argument)
        return heads[address] + argument

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((order["host"], order["port"]))
        started_s = time.perf_counter()
        for number in range(order["count"]):
            kind = number % 100
            elements = 1
            if kind < 76:
                packet = fader()
            elif kind < 96:
                elements = chance.randrange(2, 6)
                parts = [fader() for _ in range(elements)]
                packet = b"#bundle\0" + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(p)) + p for p in parts)
            elif kind < 99:
                taps += 1
                packet = string("/tempo/tap") + b",i\0\0" + struct.pack(">i", 1)
            else:
                packet = string("/preset/save") + b",i\0\0" + struct.pack(">i", saves)
                saves += 1
            messages += elements
            pause_s = started_s + number / order["rate"] - time.perf_counter()
            if pause_s > 0:
                time.sleep(pause_s)
            sock.send(packet)
    ended_s = time.perf_counter()
    print(json.dumps({"last": last, "messages": messages, "taps": taps, "saves": saves, "ended_s": ended_s}))


if __name__ == "__main__":
    main()
