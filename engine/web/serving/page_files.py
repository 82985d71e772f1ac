"""The files of a page, read once. Requests are looked up by name and never touch the disk.

`engine/web/page_kit` holds the JavaScript and CSS that both pages share; it is served beside the page's own files.
"""

from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

# Written out: on Windows mimetypes asks the registry, where .js is text/plain on many machines.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".json": "application/json",
}
# What the network sends (addresses, names, warnings) is shown on the page: nothing of it can become a script.
ONLY_OUR_SCRIPTS = "; ".join(
    (
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self' ws: wss:",  # Safari takes 'self' for http alone
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
    """Every file of the page in `package`, with those of the page kit, by its path: `looks/haze.jpg`."""
    kit, own = files_in(files("engine.web") / "page_kit"), files_in(files(package) / "page")
    assert kit.keys().isdisjoint(own), "a file of the page would hide one of the kit"
    return kit | own


def files_in(folder: Traversable) -> dict[str, PageFile]:
    """Every file below the folder by its path."""
    found = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found.update({f"{entry.name}/{path}": file for path, file in files_in(entry).items()})
        elif content_type := TYPES.get(entry.name[entry.name.rfind(".") :]):
            found[entry.name] = PageFile(body=entry.read_bytes(), content_type=content_type)
    return found
