"""Training a policy from demonstrations, for `harness.train`; it knows no policy and no suite by name.

sources   demonstrations on disk, of whatever format   frames   their images, resized once, in memory-mapped files
dataset   rows to learn from, their statistics, order  loop     learns from them, saves, goes on where it stopped
"""
