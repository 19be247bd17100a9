"""The scripted expert of LIBERO: skills that yield one action per control step, chained by the goal of the task."""
