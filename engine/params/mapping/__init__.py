"""The map: what foreign controls move.

Start with controls.py, then entry.py, then policy.py; control_map.py joins them.
"""
