"""Writes open_stage_control.json: the properties that Open Stage Control's widgets have, with their types and choices.

Run by hand when a newer version is looked at: `python tests/osc_schema/published/record.py VERSION REFERENCE.md`, with
`resources/docs/docs/widgets/properties-reference.md` of that version's sources. The program generates that page from
the defaults of its widgets. Names, types and choices are taken, no text.
"""

import json
import re
import sys
from pathlib import Path

SOURCE = "https://framagit.org/jean-emmanuel/open-stage-control: resources/docs/docs/widgets/properties-reference.md"
USED = ("button", "dropdown", "fader", "input", "panel", "rgb", "root", "switch", "tab", "text")
ROW = re.compile(r'^\s*\| <h6 id="[^"]*">(\w+)<.*?</h6> \| (.*?) \| <code>.*?</code> \|(.*)$', re.DOTALL)


def properties(page: str) -> dict[str, dict[str, dict]]:
    """By widget, then by property: `types`, and `choices` if only some values are accepted."""
    found: dict[str, dict[str, dict]] = {}
    widget = ""
    for line in page.splitlines():
        if head := re.search(r'^\?\?\? api "<div id="(\w+)">', line):
            widget = head[1]
            found[widget] = {}
        elif row := ROW.match(line):
            name, types, rest = row.groups()
            found[widget][name] = {"types": sorted(re.findall(r"`([^`]+)`", types))}
            if "Choices: " in rest:
                found[widget][name]["choices"] = re.findall(r"`([^`]*)`", rest.rpartition("Choices: ")[2])
    common = found["generic_properties"]
    return {name: common | found[name] for name in sorted(USED)}


if __name__ == "__main__":
    version, page = sys.argv[1:]
    record = {
        "program": f"Open Stage Control {version}",
        "source": SOURCE,
        "widgets": properties(Path(page).read_text()),
    }
    text = json.dumps(record, sort_keys=True).replace('}, "', '},\n"')  # a line a property
    Path(__file__).with_name("open_stage_control.json").write_text(text + "\n")
