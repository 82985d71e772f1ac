"""Plays a running engine over OSC for ten seconds: a fader, a look, a question.

    multiverse run --audio demo
    python docs/examples/osc_client.py [HOST [PORT [SECONDS]]]

It needs python-osc, which comes with the engine. All addresses are in
osc_schema/generated/ADDRESSES.md.
"""

import math
import sys
import time

from pythonosc.osc_message import OscMessage
from pythonosc.udp_client import SimpleUDPClient


def ask(client: SimpleUDPClient, address: str, *arguments: object) -> list[OscMessage]:
    """Send a command or a question, and return its answers, which come to the port that it was sent
    from.

    /sync, sent behind it, is answered last; only what takes longer, such as /child/sd/restart,
    comes after it."""
    client.send_message(address, arguments)
    client.send_message("/sync", 1)
    answers: list[OscMessage] = []
    while packet := client.receive(timeout=2.0):
        message = OscMessage(packet)
        if message.address == "/synced":
            return answers
        answers.append(message)
    raise SystemExit("no answer: is `multiverse run` running, and is this its OSC port?")


def main() -> None:
    host, port, seconds = [*sys.argv[1:], *("127.0.0.1", "9000", "10")[len(sys.argv) - 1 :]]
    client = SimpleUDPClient(host, int(port))
    for answer in ask(client, "/preset/load", "Mandala"):
        print(answer.address, *answer.params)  # /fail has the reason
    began_s = time.monotonic()
    while (passed_s := time.monotonic() - began_s) < float(seconds):
        client.send_message("/layer/1/angle", 180 * math.sin(passed_s))  # degrees
        client.send_message("/macro/1", 0.5 + 0.5 * math.sin(3 * passed_s))
        time.sleep(1 / 60)
    for answer in ask(client, "/get", "/layer/1/angle"):
        print(answer.address, *answer.params)


if __name__ == "__main__":
    main()
