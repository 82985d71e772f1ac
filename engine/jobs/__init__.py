"""Offline jobs, one folder per command: video, segment, convert. kit/ has the shared parts."""
