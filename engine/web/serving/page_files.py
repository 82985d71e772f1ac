"""A page's files, read once at the start. Requests look them up by name and never read the disk.

`engine/web/page_kit` holds the JavaScript and CSS that both pages share, served together with the
page's own files.
"""

from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

# Python's mimetypes is not used: on Windows it reads the registry, where .js is text/plain on many
# machines.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".png": "image/png",
    ".json": "application/json",
}
# The page shows text from the network (addresses, names, warnings), which must never run as a
# script.
ONLY_OUR_SCRIPTS = "; ".join(
    (
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self' ws: wss:",  # Safari's 'self' does not include WebSockets
        "frame-ancestors 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    body: bytes
    content_type: str


def load_page(package: str) -> dict[str, PageFile]:
    """All files of the page in `package` and of the page kit, by path: `looks/haze.jpg`."""
    kit = files_in(files("engine.web") / "page_kit")
    own = files_in(files(package) / "page")
    assert kit.keys().isdisjoint(own), "a file of the page has the same name as one of the page kit"
    return kit | own


def files_in(folder: Traversable) -> dict[str, PageFile]:
    found = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found.update({f"{entry.name}/{path}": file for path, file in files_in(entry).items()})
        elif content_type := TYPES.get(entry.name[entry.name.rfind(".") :]):
            found[entry.name] = PageFile(body=entry.read_bytes(), content_type=content_type)
    return found
