"""Private part of aiohttp: the error of a request that is no HTTP. Its server passes it to the log
only."""

from aiohttp.http_exceptions import HttpProcessingError as HttpProcessingError
