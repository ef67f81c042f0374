"""Bugs of the passes that only the CUDA backend wants, and of what they make; plant_bugs.py says
what a line means."""

BUGS = []
