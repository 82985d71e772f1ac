"""Child processes: models run in them, so that one that hangs, dies or is replaced never makes a
frame late.

port.py           the engine as a child's loop sees it: TO ADD A CHILD, READ THIS
supervisor.py     START HERE for the engine's side; lifecycle.py: the states; policy.py: hangs,
                  restarts, quarantine
process.py        one process: pipe, counters, rings, the outputs for readers; messages.py: its
                  messages
launcher.py       starts processes; forked.py with fork_server.py: on Linux
child_main.py     main function of a child process; mailbox.py: its second thread
"""
