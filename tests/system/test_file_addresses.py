"""Addresses of files, as a file manager copies them."""

import os

import pytest

from engine.system.file_names import without_scheme


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("file:///films/a%20b.mp4", "/films/a b.mp4"),
        ("FILE://localhost/films/100%25.mp4", "/films/100%.mp4"),
        ("file:a.mp4", "file:a.mp4"),
        ("http://host/a.mp4", "http://host/a.mp4"),
        ("--prompt", "--prompt"),
    ],
)
def test_the_address_of_a_local_file_is_its_path(address: str, path: str) -> None:
    assert without_scheme(address) == (path.lstrip("/") if os.name == "nt" else path)
