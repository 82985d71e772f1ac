"""The page's own files, read once: what is asked for is looked up by its name and never meets the disk."""

from dataclasses import dataclass
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


def load_page(folder: Traversable) -> dict[str, PageFile]:
    """Every file of the page by its path below the folder, `looks/haze.jpg`."""
    files = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            files.update({f"{entry.name}/{path}": file for path, file in load_page(entry).items()})
        elif content_type := TYPES.get(entry.name[entry.name.rfind(".") :]):
            files[entry.name] = PageFile(body=entry.read_bytes(), content_type=content_type)
    return files
