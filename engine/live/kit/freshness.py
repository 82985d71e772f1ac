"""Decides when a child asks for its next picture. Pure.

If a child asks all the time, the engine reads back pictures that are never used. If it asks only after it has finished,
it has to wait for a picture. So a slow child asks shortly before it will finish, and a fast child asks all the time.
"""

LEAD_S = 0.1  # three frames at 30 fps: the engine notices one frame later, and reads back one frame after that


def ask_from_s(*, call_began_s: float, call_s: float, due_s: float) -> float:
    """The time to ask for the next picture. A call of about `call_s` began at `call_began_s`, and the next one begins
    at `due_s` at the earliest. All in seconds of one clock."""
    return max(call_began_s + call_s, due_s) - LEAD_S
