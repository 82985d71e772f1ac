from tests.cli.conftest import say

__all__ = ["say"]
