"""The two UDP ports on which the component receives: Listen for values, Features for audio
features. TouchDesigner's main thread."""

from typing import Any

PORTS = ("Listenport", "Featport")
"""The parameters that hold them."""
TAG = "multiverse"
MAX_DEPTH = 100


def take_free_ports(comp: Any) -> str:
    """Give a copied or second component its own ports: two cannot receive on one. Returns a
    message, or "" if it keeps those that it has."""
    others = [
        other
        for other in comp.op("/").findChildren(tags=[TAG], maxDepth=MAX_DEPTH)
        if other.path != comp.path and hasattr(other.par, PORTS[0])
    ]
    used = {
        getattr(other.par, name).eval()
        for other in others
        for name in PORTS
        if hasattr(other.par, name)
    }
    requested = {name: getattr(comp.par, name).eval() for name in PORTS}
    chosen = free_ports(requested, used)
    if chosen == requested:
        return ""
    for name, port in chosen.items():
        if port != requested[name]:
            getattr(comp.par, name).val = port
    ports = " and ".join(str(port) for port in chosen.values())
    return f"receives on ports {ports}: another component of this project has those before"


def free_ports(requested: dict[str, int], used: set[int]) -> dict[str, int]:
    """The requested ports; each one that another component uses is replaced by the next free one.
    Pure."""
    used = set(used)
    chosen = {}
    for name, port in requested.items():
        while port in used:
            port = port + 1 if port < 65_535 else 1024
        chosen[name] = port
        used.add(port)
    return chosen


def port_trouble(comp: Any, listen_port: int, features_port: int) -> str:
    """The reason why nothing can be received on one of the ports, and what to do; "" if there is
    none."""
    osc_in = comp.op("osc_in")
    problem = " ".join((osc_in.errors() or osc_in.warnings()).split())
    if problem:
        return f"Listen port {listen_port} cannot be opened ({problem}): choose a free one"
    problem = " ".join(comp.op("features_in").errors().split())
    if problem:
        return f"Features port {features_port} cannot be opened ({problem}): choose another"
    return ""
