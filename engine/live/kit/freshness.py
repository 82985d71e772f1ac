"""When a child asks for its next picture. Pure.

Asking all the time makes the engine read back pictures nobody uses; asking after the work is done makes the child wait
for one. So a slow child asks shortly before it will be free, and a fast one always.
"""

LEAD_S = 0.1  # three frames at 30 fps: the engine sees the wish a frame later, and reads back a frame after that


def ask_from_s(*, call_began_s: float, call_s: float, due_s: float) -> float:
    """The moment from which on the next picture is wanted: while a call of about `call_s` that began at
    `call_began_s` runs, and the next begins no sooner than at `due_s`. All on one clock, in seconds."""
    return max(call_began_s + call_s, due_s) - LEAD_S
