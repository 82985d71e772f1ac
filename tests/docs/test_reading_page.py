"""The reading list is short enough for an afternoon, and the line of Python in the README works."""

import re
import socket
from pathlib import Path

from pythonosc.udp_client import SimpleUDPClient

from engine.osc.decode import Message, decode_packet

ROOT = Path(__file__).parents[2]
MAX_LINES, MAX_LINES_A_FILE = 4300, 449


def test_the_reading_list_has_twenty_files_for_one_afternoon() -> None:
    page = (ROOT / "docs" / "explanation/reading.md").read_text(encoding="utf-8")
    files = re.findall(r"^\| \d+ \| \[`(.+?)`\]\(\.\./\.\./(.+?)\)", page, re.MULTILINE)
    assert all(label == linked for label, linked in files)
    lines = {label: len((ROOT / label).read_text(encoding="utf-8").splitlines()) for label, _ in files}
    assert len(lines) == 20
    assert max(lines.values()) <= MAX_LINES_A_FILE, lines
    assert sum(lines.values()) <= MAX_LINES, lines


def test_the_line_of_the_readme_moves_a_layer() -> None:
    (line,) = re.findall(r"`(SimpleUDPClient\(.+?)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as engine:
        engine.bind(("127.0.0.1", 0))
        engine.settimeout(10.0)
        eval(line.replace("9000", str(engine.getsockname()[1])), {"SimpleUDPClient": SimpleUDPClient})
        message = decode_packet(engine.recv(999))
    assert isinstance(message, Message) and (message.address, message.args) == ("/layer/1/angle", (45.0,))
