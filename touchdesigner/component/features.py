"""Audio features between their messages and the next frame. Pure."""

CHANNELS = 4
FEATURES = ("rms", "peak", "low", "mid", "high", "pitch", "onset")
NAMES = tuple(f"{feature}{channel}" for channel in range(1, CHANNELS + 1) for feature in FEATURES)


class Features:
    """What the channels rms1 ... onset4 become in the next frame."""

    def __init__(self) -> None:
        self._changed: dict[str, float] = {}
        self._onsets: set[str] = set()

    def take(self, address: str, value: float) -> bool:
        """`/audio/2/rms 0.3`; whether it is a feature. Of an onset and none within one frame the onset stays."""
        name = _name_of(address)
        if name is None:
            return False
        if name.startswith("onset"):
            value = max(value, self._changed.get(name, 0.0))
        self._changed[name] = float(value)
        return True

    def take_changes(self) -> dict[str, float]:
        """Values by channel name for this frame; an onset lasts one frame."""
        changes = {name: 0.0 for name in self._onsets} | self._changed
        self._onsets = {name for name, value in changes.items() if name.startswith("onset") and value > 0.0}
        self._changed = {}
        return changes


def _name_of(address: str) -> str | None:
    parts = address.split("/")
    if len(parts) != 4 or parts[1] != "audio":
        return None
    name = parts[3] + parts[2]
    return name if name in NAMES else None
