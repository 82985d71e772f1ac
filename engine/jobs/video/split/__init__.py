"""The stages in separate processes: `--stages split`.

split_stages.py   PaintStages made of processes: decides how many, and divides the cores among them
build.py          starts the processes and the links between them
pool.py           passes batches through them and finds the cause of a failure; feeder.py: the feeding thread;
                  patience.py: timeout per batch
process.py        one process, seen from the parent; messages.py: the messages between them
stage_process.py  main function of a stage process; work.py: its part of the model
link.py           passes batches from one process to the next
main_memory.py    measures the main memory of all processes together
"""
