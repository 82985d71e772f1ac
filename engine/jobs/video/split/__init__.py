"""The stages in processes of their own: `--stages split`.

split_stages.py   PaintStages made of processes: which there are, and how they share the cores
build.py          starts the processes and the links between them
pool.py           passes batches through them and finds the cause of a failure; feeder.py: the thread that feeds;
                  patience.py: timeout of a batch
process.py        one process, seen from the parent; messages.py: its messages
stage_process.py  the main function of each; work.py: its part of the model
link.py           passes batches from one process to the next
main_memory.py    main memory used by all of them together
"""
