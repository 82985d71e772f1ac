"""The QR code in the terminal, read by a real decoder."""

import cv2
import numpy as np

from engine.cli.qr import qr_text

HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}  # upper and lower module; 1 is light


def test_a_qr_reader_decodes_the_address_from_the_terminal():
    for url in [
        "http://192.168.1.5:9001/",
        "http://192.168.100.200:9001/?token=abcdefghijklmnopqrstuv",
        "http://[fe80::1]:9001/",
    ]:
        lines = qr_text(url).splitlines()
        assert (
            len({len(line) for line in lines}) == 1 and len(lines[0]) <= 80 and len(lines) <= 24
        ), url
        rows = [[HALVES[half][part] for half in line] for line in lines for part in (0, 1)]
        picture = (
            np.kron(
                np.pad(np.array(rows, np.uint8), 2, constant_values=1), np.ones((6, 6), np.uint8)
            )
            * 255
        )
        assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == url, url
