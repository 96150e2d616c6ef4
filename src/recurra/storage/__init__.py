"""Storage: files that are never torn.

files         regular files, read within bounds and written durably
folder        a folder that stays the same one; atomic writes
typed_json    JSON checked against types
outputs       files that a user names for a result
locks         one process at a time
checkpoints   arrays and their meta data in one file
runs          the folder of a training run
"""
