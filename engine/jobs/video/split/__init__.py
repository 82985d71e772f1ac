"""The stages in processes of their own: `--stages split`.

split_stages.py   PaintStages out of processes: which there are, and how they share the cores
build.py          the processes and what links them, started in their order
pool.py           batches through them, and why they ended where they did; feeder.py: the thread that gives;
                  patience.py: how long a batch may take
process.py        one of them, seen from here; messages.py: what it is told and tells
stage_process.py  what each of them runs; work.py: its part of the model
link.py           how a batch goes from one to the next
main_memory.py    how much of it all of them hold together
"""
