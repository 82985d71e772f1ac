"""The operating system's part: power, priorities, the console. Differences between systems stay in here."""
