"""Art-Net and sACN, received and sent: packets as bytes (`artnet.py`, `sacn.py`), the sender
(`sending.py`, used by the sink `dmx`), what the sender and the receiver of this process share
(`own.py`)."""
