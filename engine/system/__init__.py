"""Files, threads, processes, clocks and power. Differences between operating systems are handled
here."""
