"""A saved project of the fake TouchDesigner."""

from typing import Any

from tests.touchdesigner.fake_parameters import ParMode, Slot

SLOT_MEMBERS = (
    "label default value expr min max normMin normMax clampMin clampMax readOnly startSection "
    "help menuNames menuLabels"
).split()


def saved(op: Any) -> dict[str, Any]:
    slots = {
        name: {member: getattr(slot, member) for member in SLOT_MEMBERS}
        | {"style": slot.style, "page": slot.page and slot.page.name, "mode": slot.mode.name}
        for name, slot in op.slots.items()
    }
    own = {
        "kind": op.OPType,
        "name": op.name,
        "slots": slots,
        "inputs": [source.name for source in op.inputs],
    }
    own |= {"tags": sorted(op.tags), "dock": op.dock and op.dock.name}
    if op.isDAT:
        own |= {"text": op.text, "rows": op.rows}
    if op.isCOMP:
        own |= {
            "pages": [page.name for page in op.customPages],
            "children": [saved(child) for child in op.children],
        }
    return own


def restore(op: Any, own: dict[str, Any]) -> None:
    pages = {name: op.appendCustomPage(name) for name in own.get("pages", ())}
    for name, members in own["slots"].items():
        if members["page"]:
            op.slots[name] = Slot(op, name, members["style"], True, members["default"])
            op.slots[name].page = pages[members["page"]]
        for member in SLOT_MEMBERS:
            setattr(op.slots[name], member, members[member])
        op.slots[name].mode = ParMode[members["mode"]]
    op.tags.update(own["tags"])
    if op.isDAT:
        op.text = own["text"]
        op.rows[:] = own["rows"]
    for child in own.get("children", ()):
        restore(op.create(child["kind"], child["name"], initialize=False), child)
    for child in own.get("children", ()):
        op.op(child["name"]).inputs[:] = [
            op.op(source) for source in child["inputs"] if op.op(source)
        ]
        op.op(child["name"]).dock = child["dock"] and op.op(child["dock"])
