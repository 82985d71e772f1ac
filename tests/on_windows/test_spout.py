"""Spout between two real processes: the picture arrives where the driver shares a Direct3D texture.
Elsewhere, as under Wine 8, one line says so."""

import json
import locale
import mmap
import os
import struct
import subprocess
import sys

import pytest

from engine.sinks.spout import is_shared

pytestmark = pytest.mark.only_on("win32", reason="Spout is a library for Direct3D")


def test_another_program_gets_the_picture_or_one_line_says_why_not_and_spout_prints_nothing() -> (
    None
):
    program = (
        "import json; from engine.cli.selftest import send_card; "
        "print(json.dumps(send_card('spout')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    assert done.stderr == ""
    assert (
        result["passed"]
        or "spout: this driver shares no Direct3D texture (GL/DX interop" in result["detail"]
    )


def test_a_sender_whose_name_is_in_the_ansi_code_page_is_listed_beside_the_others() -> None:
    """In a process of its own: Spout prints, and its context stays."""
    program = (
        "import SpoutGL, sys; from SpoutGL import enums; from engine.sources.spout import "
        "open_list;"
        "names = (b'B\\xfchne', 'B\u00fchne UTF-8'.encode()); senders = [];"
        "\nfor name in names:"
        "\n    sender = SpoutGL.SpoutSender(); senders.append(sender); sender.createOpenGL();"
        "\n    sender.setSenderName(name); sender.sendImage(bytes(16 * 16 * 4), 16, 16, "
        "enums.GL_RGBA, False, 0)"
        "\nprint(ascii(open_list()()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    listed = next(line for line in done.stdout.splitlines() if line.startswith("["))
    expected = [
        ascii(b"B\xfchne".decode(locale.getencoding(), "replace")),
        ascii("B\u00fchne UTF-8"),
    ]
    assert [name for name in expected if name in listed] == expected, (listed, done.stderr)


def test_a_sender_without_a_texture_is_not_shared_and_one_of_unknown_name_counts_as_shared() -> (
    None
):
    name = f"sender {os.getpid()}"
    assert is_shared(name)
    with mmap.mmap(-1, 280, tagname=name) as entry:  # type: ignore[call-arg, unused-ignore]  # exists on Windows only
        for handle in (0, 0x40001234):
            entry[:8] = struct.pack("<II", handle, 1920)
            assert is_shared(name) == bool(handle)
