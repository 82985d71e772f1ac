"""The site: `sphinx-build -W docs docs/_build` makes it from the pages of this folder."""

import importlib.metadata
import re
import shutil
from pathlib import Path
from typing import get_type_hints

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator

from engine.live.kit.live_model import DeviceTable, ModelTable

DOCS = Path(__file__).parent
# The generated list of addresses is part of the package; pages link to it there, so that the links
# work on GitHub, too.
ADDRESSES = "osc_schema/generated/ADDRESSES.md"
shutil.copyfile(DOCS.parent / ADDRESSES, DOCS / "reference" / "addresses.md")

project = html_title = "multiverse"
release = importlib.metadata.version("multiverse-engine")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build", "_static", "examples", "pictures"]
html_theme = "furo"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
smartquotes = False  # they falsify options and quotation marks that are typed or searched for
myst_heading_anchors = 4  # headings are link targets, by GitHub's rules
myst_enable_extensions = ["linkify"]
default_role = "code"  # of `names` in docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "description"


for table in (ModelTable, DeviceTable):
    table.__annotations__ = get_type_hints(table)  # without msgspec's limits and help


CODE = '<span class="pre">'  # of each word of a literal
LONG = 24 + len("</span>")


class Translator(HTML5Translator):
    """Cells of a table carry the head of their column, which narrow screens show in front of them.
    Long words of code may break, best at `|` and `/`, and each line of a block is an element, so
    that wrapped lines are indented (`site.css`)."""

    def starttag(self, node, tagname, *args, **attributes):
        if tagname == "td":
            heads = next(node.parent.parent.parent.findall(nodes.row))
            if not node.children:
                attributes["CLASS"] = "empty"
            elif len(heads) > 2 and (head := heads[node.parent.index(node)].astext()):
                attributes["data-head"] = head
        return super().starttag(node, tagname, *args, **attributes)

    def visit_literal_block(self, node):
        try:
            super().visit_literal_block(node)
        finally:  # it ends with SkipNode
            before, start, rest = self.body[-1].partition("<pre><span></span>")
            code, end, after = rest.partition("</pre>")
            lines = code.splitlines(keepends=True)
            if all(line.count("<span") == line.count("</span>") for line in lines):
                code = "".join(f'<span class="line">{line}</span>' for line in lines)
                self.body[-1] = "".join((before, start, code, end, after))

    def visit_Text(self, node):
        start = len(self.body)
        super().visit_Text(node)
        for at, text in enumerate(self.body[start:], start):
            if text.startswith(CODE) and len(text) > len(CODE) + LONG:
                text = text.replace(CODE, '<span class="pre long">').replace("|", "|<wbr>")
                self.body[at] = re.sub(r"(?<=[\w;])/(?=[\w&])", "<wbr>/", text)


def pages_of(table):
    """The pages that the first column of the table links to, and pages below them: those named
    after a colon."""
    pages, below = [], {}
    for cell in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE):
        links = re.findall(r"\]\(([^)]+)\.md\)", cell)
        if "): [" in cell:
            below[links[0]] = links[1:]
            del links[1:]
        pages += links
    return pages, below


def toctree(pages, *options):
    return "\n".join(["", "", "```{toctree}", ":hidden:", *options, "", *pages, "```", ""])


def setup(app):
    app.set_translator("html", Translator)
    _, *sections = (DOCS / "how-to/index.md").read_text(encoding="utf-8").split("\n## ")
    groups = {section.partition("\n")[0]: pages_of(section) for section in sections}
    below = {
        f"how-to/{page}": pages for _, under in groups.values() for page, pages in under.items()
    }

    def fill_in(app, page, source):
        """The tables of the index pages are the site's table of contents, too."""
        source[0] = source[0].replace(f"../../{ADDRESSES}", "../reference/addresses.md")
        if page == "index":
            source[0] += toctree(["tutorials/index", "how-to/index"], ":caption: Begin")
            for caption, (pages, _) in groups.items():
                source[0] += toctree((f"how-to/{page}" for page in pages), f":caption: {caption}")
            source[0] += toctree(["reference/index", "explanation/index"], ":caption: Look up")
            contributing = ["contributing", "recipes", "figures-and-pictures", "reference/api"]
            source[0] += toctree(contributing, ":caption: Contribute")
        elif page in ("tutorials/index", "reference/index", "explanation/index"):
            source[0] += toctree(each for each in pages_of(source[0])[0] if each != "api")
        elif page in below:
            source[0] += toctree(below[page])

    app.connect("source-read", fill_in)
