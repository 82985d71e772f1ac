"""The parts of a web server that both pages share: listening socket, access control, limits on connections.

listening.py       the socket; web_thread.py: the thread that serves on it
admission.py       admits or refuses requests, by the rules of access.py (token, Host, Origin; hosts.py)
connections.py     the limit on connections; sockets.py: WebSockets and their limits
page_files.py      a page's files, read once
request_errors.py  turns failed requests into counted warnings
lan.py             this machine's addresses for other machines

The engine's page is in engine/web, the page of `multiverse video --web` in engine/jobs/video/live.
"""
