"""Art-Net and sACN as both directions know them: packets as bytes (`artnet.py`, `sacn.py`), the sender (`sending.py`,
used by the sink `dmx`), and what the sender and the receiver of this process know of each other (`own.py`)."""
