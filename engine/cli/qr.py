"""A QR code for the terminal, with which a phone reads the page's address from the screen."""

import io


def qr_text(url: str) -> str:
    """The code in half blocks, two rows of modules per line, with the quiet zone; ends with a line
    break.

    Light on dark, because most terminals are: dark modules are spaces. Readers accept both
    polarities."""
    import segno

    lines = io.StringIO()
    segno.make(url, error="m", micro=False).terminal(lines, border=2, compact=True)
    return lines.getvalue()
