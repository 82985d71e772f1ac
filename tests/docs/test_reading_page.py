"""The reading list is short enough for an afternoon, and the programs of the page on embedding run as they stand."""

import re
import socket
import subprocess
import sys
from pathlib import Path

from PIL import Image
from pythonosc.udp_client import SimpleUDPClient

from engine.osc import Message, decode_packet
from osc_schema.generate.touchdesigner import parameter_name
from osc_schema.generate.touchdesigner_builder import MAX_NAME_CHARACTERS

ROOT = Path(__file__).parents[2]
MAX_LINES, MAX_LINES_A_FILE = 4300, 449


def test_the_reading_list_has_twenty_files_for_one_afternoon() -> None:
    page = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    files = re.findall(r"^\| \d+ \| \[`(.+?)`\]\(\.\./(.+?)\)", page, re.MULTILINE)
    assert all(shown == linked for shown, linked in files)
    lines = {shown: len((ROOT / shown).read_text(encoding="utf-8").splitlines()) for shown, _ in files}
    assert len(lines) == 20
    assert max(lines.values()) <= MAX_LINES_A_FILE, lines
    assert sum(lines.values()) <= MAX_LINES, lines


def programs() -> dict[str, str]:
    """By heading, the programs of docs/embedding.md."""
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^## (.+?)\n.*?^```python\n(.+?)^```", page, re.MULTILINE | re.DOTALL))


def run(program: str, folder: Path) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_as_many_programs_as_are_run() -> None:
    """The live model is run in tests/live/test_plugins.py."""
    assert list(programs()) == ["A picture", "A sink of one's own", "A live model"]


def test_the_live_model_fits_on_a_page_of_touchdesigner_in_a_checkout_too() -> None:
    addresses = re.findall(r'"(/[a-z]+/[a-z]+)", ', programs()["A live model"])
    assert len(addresses) == 2 and all(len(parameter_name(address)) <= MAX_NAME_CHARACTERS for address in addresses)


def test_the_line_of_the_readme_moves_a_layer() -> None:
    (line,) = re.findall(r"`(SimpleUDPClient\(.+?)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as engine:
        engine.bind(("127.0.0.1", 0))
        engine.settimeout(10.0)
        eval(line.replace("9000", str(engine.getsockname()[1])), {"SimpleUDPClient": SimpleUDPClient})
        message = decode_packet(engine.recv(999))
    assert isinstance(message, Message) and (message.address, message.args) == ("/layer/1/angle", (45.0,))


def test_a_program_saves_a_picture(tmp_path: Path) -> None:
    lines = run(programs()["A picture"], tmp_path).splitlines()
    assert [line.split()[0] for line in lines] == [str(index) for index in range(30)]
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == (640, 360)
        assert len(picture.getcolors(1 << 20) or range(1 << 20)) > 100


def test_a_program_sends_the_picture_to_a_sink_of_its_own(tmp_path: Path) -> None:
    colours = run(programs()["A sink of one's own"], tmp_path).splitlines()
    assert colours and all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in colours)
