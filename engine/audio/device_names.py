"""Run as a program: a line `name<TAB>host API` for each sound device there is now. Imports nothing of the engine.

In a process of its own because PortAudio sees new devices only when it starts, and starting it ends all streams.
"""

import sys


def main() -> None:
    import sounddevice

    hostapis = [api["name"] for api in sounddevice.query_hostapis()]
    for device in sounddevice.query_devices():
        sys.stdout.write(f"{device['name']}\t{hostapis[device['hostapi']]}\n")


if __name__ == "__main__":
    main()
