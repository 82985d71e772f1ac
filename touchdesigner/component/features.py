"""Audio features, collected from messages until the next frame. Pure."""

CHANNELS = 4
FEATURES = ("rms", "peak", "low", "mid", "high", "pitch", "onset")
NAMES = tuple(f"{feature}{channel}" for channel in range(1, CHANNELS + 1) for feature in FEATURES)


class FeatureChannels:
    """Collects the values of the channels rms1 ... onset4 for the next frame."""

    def __init__(self) -> None:
        self._changed: dict[str, float] = {}
        self._onsets: set[str] = set()

    def take(self, address: str, value: float) -> bool:
        """Take a message such as `/audio/2/rms 0.3`. True if it is a feature. An onset is kept until the next frame."""
        name = _name_of(address)
        if name is None:
            return False
        if name.startswith("onset"):
            value = max(value, self._changed.get(name, 0.0))
        self._changed[name] = float(value)
        return True

    def take_changes(self) -> dict[str, float]:
        """Changed values by channel name for this frame; an onset lasts one frame."""
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
