"""Audio features, collected from messages until the next frame. Pure."""

CHANNELS = 4
FEATURES = ("rms", "peak", "low", "mid", "high", "pitch", "onset")
BEATS = ("beat", "bar", "kick", "snare", "hat")
NAMES = (*(f"{feature}{channel}" for channel in range(1, CHANNELS + 1) for feature in FEATURES), *BEATS)
PULSES = ("onset", "kick", "snare", "hat")


class FeatureChannels:
    """Collects the values of the channels rms1 ... onset4, beat ... hat for the next frame."""

    def __init__(self) -> None:
        self._changed: dict[str, float] = {}
        self._pulses: set[str] = set()

    def take(self, address: str, value: float) -> bool:
        """Take a message such as `/audio/2/rms 0.3`. True if it is a feature. A pulse is kept until the next frame."""
        name = _name_of(address)
        if name is None:
            return False
        if name.startswith(PULSES):
            value = max(value, self._changed.get(name, 0.0))
        self._changed[name] = float(value)
        return True

    def take_changes(self) -> dict[str, float]:
        """Changed values by channel name for this frame; an onset or a hit lasts one frame."""
        changes = {name: 0.0 for name in self._pulses} | self._changed
        self._pulses = {name for name, value in changes.items() if name.startswith(PULSES) and value > 0.0}
        self._changed = {}
        return changes


def _name_of(address: str) -> str | None:
    parts = address.split("/")
    if len(parts) not in (3, 4) or parts[1] != "audio":
        return None
    name = parts[3] + parts[2] if len(parts) == 4 else parts[2]
    return name if name in NAMES else None
