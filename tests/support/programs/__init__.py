"""Programs that tests run in a process of their own, each in a text file here."""

from pathlib import Path


def program(name: str) -> str:
    """The program's text."""
    return Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8")
