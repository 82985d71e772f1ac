"""The site: `sphinx-build -W docs docs/_build` makes it from the pages of this folder."""

import importlib.metadata
import shutil
from pathlib import Path
from typing import get_type_hints

from engine.live.kit.live_model import DeviceTable, ModelTable

DOCS = Path(__file__).parent
# The generated list of addresses is part of the package; pages link to it there, so that the links work on GitHub, too.
ADDRESSES = "osc_schema/generated/ADDRESSES.md"
shutil.copyfile(DOCS.parent / ADDRESSES, DOCS / "reference" / "addresses.md")

project = html_title = "multiverse"
release = importlib.metadata.version("multiverse-engine")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build", "examples", "pictures"]
html_theme = "furo"
html_show_copyright = False
myst_heading_anchors = 4  # headings are link targets, by GitHub's rules
myst_enable_extensions = ["linkify"]
default_role = "code"  # of `names` in docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "description"


for table in (ModelTable, DeviceTable):
    table.__annotations__ = get_type_hints(table)  # without msgspec's limits and help


def setup(app):
    def link_to_copy(app, page, source):
        source[0] = source[0].replace(f"../../{ADDRESSES}", "../reference/addresses.md")

    app.connect("source-read", link_to_copy)
