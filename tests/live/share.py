"""Imported by the fork server of these tests: on a CPU the children of pictures do not wait until nobody else works."""

from engine.system import priority


def keep_the_share(*_: object) -> None:
    return


priority.run_when_idle = keep_the_share
