"""A scripted expert for all of CALVIN's subtasks, see `expert.py`."""
