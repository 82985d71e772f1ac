"""Mapping of MIDI controls and of other programs' OSC addresses to parameters and commands.

Read in this order: `controls` (names of controls, movements), `entry` (one line of the map),
`policy` (the value that a movement sets), `control_map` (all entries). `movement_reader` turns
messages into movements, with `nrpn` for 14-bit MIDI. `learner` learns a control from its movements;
`map_file` and `built_in_maps` load maps.
"""
