"""Storage: files that are never torn.

files         atomic writes, names and JSON
outputs       files that a user names for a result
locks         one process at a time
checkpoints   arrays and their meta data in one file
runs          the folder of a training run
"""
