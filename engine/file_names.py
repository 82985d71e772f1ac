"""Names that users give to presets and recordings, and that every system takes as a file name."""

import re
import unicodedata

LONGEST_CHARACTERS = 64
LONGEST_BYTES = 200  # file systems end at 255, with a suffix and a number

# What Windows refuses, or reads as a folder, drive or stream; refused everywhere, so that files travel.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def clean_name(name: str) -> str:
    """`name` in Unicode NFC, if every system takes it as a file name in one folder; else ValueError says why."""
    clean = unicodedata.normalize("NFC", name)
    if not clean or clean != clean.strip():
        raise ValueError("a name needs characters, and no blanks around it")
    if len(clean) > LONGEST_CHARACTERS or len(clean.encode("utf-8", "replace")) > LONGEST_BYTES:
        raise ValueError(f"a name has at most {LONGEST_CHARACTERS} characters")
    if found := _FORBIDDEN.search(clean):
        raise ValueError(f"a name cannot contain {found[0]!r}")
    if clean.startswith(".") or clean.endswith("."):
        raise ValueError("a name neither begins nor ends with a dot")
    if _RESERVED.fullmatch(clean):
        raise ValueError("Windows keeps this name for a device")
    return clean
