"""Ports that nothing else takes between the moment they are found and the moment they are used."""

import itertools
import os
import random
import socket

FIRST, PER_WORKER, WORKERS = 20_000, 750, 16
"""Below 32768: from there on Linux gives ports to any program that asks for one."""

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
_start = random.randrange(PER_WORKER)  # two runs of the tests at once rarely meet
_numbers = itertools.count(_start)


def free_port() -> int:
    """A port free for UDP and TCP on 127.0.0.1, given out once in 750 calls."""
    while True:
        port = FIRST + _worker * PER_WORKER + next(_numbers) % PER_WORKER
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
