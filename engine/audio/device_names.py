"""Prints a line `name<TAB>host API` for each sound device present.

It is a separate process because PortAudio lists new devices only when it starts, and restarting it ends all streams.
"""

import sys


def main() -> None:
    import sounddevice

    for api in sounddevice.query_hostapis():
        for index in api["devices"]:
            try:
                name = sounddevice.query_devices(index)["name"]
            except UnicodeDecodeError:
                continue  # `list_devices` skips it too
            sys.stdout.write(f"{name}\t{api['name']}\n")
