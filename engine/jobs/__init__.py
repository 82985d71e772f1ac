"""Offline jobs, one folder a command: video, segment, convert, dataset. kit/ holds what they share."""
