#!/usr/bin/env bash
# Measures everything on a machine with a GPU, from source: tests/benchmarks/on_gpu.sh --help
exec "${PYTHON:-python3}" "$(dirname "$0")/on_gpu.py" "$@"
