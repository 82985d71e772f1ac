"""What any page of ours stands on: a listening socket, who is let in, and what a connection may cost.

listening.py       the socket; web_thread.py: the thread that serves on it
admission.py       the door: access.py decides (token, Host, Origin; hosts.py)
connections.py     how many at once; sockets.py: every WebSocket's limits
page_files.py      a page's files, read once
request_errors.py  requests that fail -> counted warnings
lan.py             this machine's addresses, as other machines see them

The engine's page is engine/web, that of `multiverse video --web` engine/jobs/video/live.
"""
