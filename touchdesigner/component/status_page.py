"""Shows `/engine/status` on the Status page, in the table `status` and in the channels of output
8."""

from typing import Any

PARAMETERS = {
    "fps": "Fps",
    "frame_ms_p50": "Framep50",
    "frame_ms_p99": "Framep99",
    "latency_ms_p50": "Latencyp50",
    "latency_ms_p99": "Latencyp99",
    "latency_ms_worst": "Latencyworst",
    "late": "Late",
    "dropped": "Dropped",
}
TEXTS = {"renderer": "Renderer", "audio": "Sound", "camera": "Camera"}


class StatusPage:
    def __init__(self, comp: Any, channels: Any) -> None:
        """`channels`: the module `status_channels`."""
        self._comp = comp
        self._channels = channels
        self._displayed: dict[str, float] = {}
        # a saved project still has others
        self.set(dict.fromkeys(channels.NAMES, 0.0) | {"err_link": 1.0})
        self._lines: list[tuple[str, list[Any]]] = []
        self.size_px: tuple[int, int] | None = None
        """Width and height of the engine's picture; None until the first status."""
        self.sound = ""
        """The description of the engine's sound source; "" until the first status."""

    def show_connected(self, where: str) -> None:
        self._comp.par.State = f"connected to {where}"
        self.set({"connected": 1.0, "err_link": 0.0})

    def show_lost(self) -> None:
        self._comp.par.State = "disconnected: no heartbeat for 3 s"
        self._comp.par.Fps = 0.0
        self.show_disconnected()

    def show_disconnected(self) -> None:
        self.set(dict.fromkeys(self._channels.NAMES, 0.0) | {"err_link": 1.0})
        self.sound = ""

    def set(self, values: dict[str, float]) -> None:
        """Set channels of output 8; `err` follows."""
        values = self._displayed | values
        values["err"] = max(values[name] for name in self._channels.ERRORS)
        table = self._comp.op("status_values")
        for name, value in values.items():
            if self._displayed.get(name) != value:
                table[name, 1] = value
        self._displayed = values

    @property
    def bpm(self) -> float:
        return self._displayed["bpm"]

    @property
    def is_free(self) -> bool:
        """True while the tempo runs on without its clock."""
        return bool(self._displayed["tempo_free"])

    def take(self, address: str, args: list[Any]) -> None:
        """Collect one line of an answer."""
        self._lines.append((address.removeprefix("/engine/status/"), args))

    def show(self) -> None:
        """Show the complete answer."""
        lines = self._lines
        self._lines = []
        par = self._comp.par
        facts = dict(lines)
        for key, name in PARAMETERS.items():
            if key in facts:
                setattr(par, name, facts[key][0])
        for key, name in TEXTS.items():
            setattr(par, name, " ".join(map(str, facts.get(key, []))))
        self.sound = str(facts.get("audio", ["", ""])[1])
        if "beat" in facts:
            par.Tempo = self._channels.tempo_text(*facts["beat"][:3])
        self.set(self._channels.channels_of(lines))
        size = facts.get("size", [])
        self.size_px = (size[0], size[1]) if len(size) == 2 else None
        par.Size = " x ".join(map(str, size))
        children = [
            f"{key.split('/')[1]} {args[0]}"
            for key, args in lines
            if key.startswith("child/") and key.endswith("/state")
        ]
        par.Children = ", ".join(children) or "none in this run"
        sinks = [
            f"{key.split('/')[1]} {args[0]} {args[1]}"
            for key, args in lines
            if key.startswith("sink/")
        ]
        par.Sinks = ", ".join(sinks) or "none"
        table = self._comp.op("status")
        table.clear()
        for key, args in lines:
            table.appendRow([key, *args])
