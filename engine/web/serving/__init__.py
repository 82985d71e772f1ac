"""The parts of a web server that both pages share: listening socket, access control, limits on
connections.

web_thread.py  the socket, the thread that serves on it, the limit on connections, errors as counted
               warnings
admission.py   admits or refuses requests, by the rules of access.py (token, Host, Origin)
sockets.py     WebSockets and their limits
page_files.py  a page's files, read once
lan.py         this machine's addresses for other machines

The engine's page is in engine/web, the page of `multiverse video --web` in engine/jobs/video/live.
"""
