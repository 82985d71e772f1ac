"""A QR code in the terminal: a phone reads the page's address off the screen."""

import io


def qr_text(url: str) -> str:
    """The code in half blocks, two rows of modules a line, with the quiet margin; ends with a line break.

    Light on dark as terminals are: dark modules are spaces. Readers take either way round, the margin makes sure.
    """
    import segno

    lines = io.StringIO()
    segno.make(url, error="m", micro=False).terminal(lines, border=2, compact=True)
    return lines.getvalue()
