"""Pictures out. Read `null.py` first: a sink that does nothing, with the whole contract in it.

One module per sink. `registry.py` lists and creates them, and `sink_set.py` runs several at once
and isolates their failures. For offline jobs: picture_video.py replaces a source's pictures;
whole_file.py hides unfinished files.
"""
