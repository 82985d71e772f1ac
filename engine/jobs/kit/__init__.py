"""What all jobs share: option ranges and the Ray cluster that a job spreads over."""
