"""Offline jobs, one folder per command: video, segment, convert, dataset. kit/ has the shared parts."""
