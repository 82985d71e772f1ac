"""A program outside the engine that watches for gaps between its pictures.

Started by path with the folder of a copied `shared_reader.py` and the ring's name. Prints
`watching` at the first picture; when its standard input closes, one JSON object: `pictures` (how
many it noticed), `seconds` (from the first to the last), `gaps` (the longest five as [length,
seconds since the first picture], the time until the end included).
"""

import heapq
import json
import sys
import threading
import time

POLL_S = 0.002
CEILING_S = 120.0
MAX_GAPS = 5
NUMBER = 64  # of the newest picture, see engine/ipc/layout.py


def main() -> None:
    folder, name = sys.argv[1:]
    sys.path.insert(0, folder)
    from copied_reader import SharedReader

    reader = SharedReader(name)
    end_s = time.perf_counter() + CEILING_S
    while reader.latest() is None or reader.ring is None:
        assert time.perf_counter() < end_s, "no ring"
        time.sleep(0.05)
    is_over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), is_over.set()), daemon=True).start()
    number = reader.field(NUMBER)
    first_s = last_s = time.perf_counter()
    pictures = 1
    gaps: list[tuple[float, float]] = []
    print("watching", flush=True)

    def note(now_s: float) -> None:
        heapq.heappush(gaps, (now_s - last_s, last_s - first_s))
        if len(gaps) > MAX_GAPS:
            heapq.heappop(gaps)

    while not is_over.wait(POLL_S):
        if reader.field(NUMBER) != number:
            now_s = time.perf_counter()
            note(now_s)
            number, last_s, pictures = reader.field(NUMBER), now_s, pictures + 1
    note(time.perf_counter())
    longest = sorted(gaps, reverse=True)
    print(json.dumps({"pictures": pictures, "seconds": last_s - first_s, "gaps": longest}))


if __name__ == "__main__":
    main()
