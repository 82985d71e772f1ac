"""A Ray cluster that a job spreads over: `connect("auto")`.

connection.py  which cluster, and its errors in one line; surroundings.py: what starting Ray must leave as it was
"""
