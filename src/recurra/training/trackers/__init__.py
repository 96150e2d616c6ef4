"""Trackers: the records of a training, as files that other programs show.

base         the contract
table        a table of the curves, as CSV
tensorboard  event files for TensorBoard
registry     names -> trackers
"""
