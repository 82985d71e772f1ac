"""Run as a program: a line `name<TAB>host API` for each sound device there is now. Imports nothing of the engine.

In a process of its own because PortAudio sees new devices only when it starts, and starting it ends all streams.
"""

import sys


def main() -> None:
    import sounddevice

    for api in sounddevice.query_hostapis():
        for index in api["devices"]:
            try:
                name = sounddevice.query_devices(index)["name"]
            except UnicodeDecodeError:
                continue  # `list_devices` leaves it out, too
            sys.stdout.write(f"{name}\t{api['name']}\n")


if __name__ == "__main__":
    main()
