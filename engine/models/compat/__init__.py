"""Private parts of the libraries that run models, one file per library: what it has, and which
public way is missing.

`tests/test_compat.py` names each that a new release has removed or changed; pyproject.toml has the
tested releases.
"""
