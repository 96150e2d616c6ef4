"""The search for good settings: a study of many trials, each an ordinary run.

    space         what is searched: lists and ranges of values, the classic grids
    protocol      what a study was asked for, and the network and recipe of a setting
    pruning       when a trial looks bad enough to end: rungs, and who goes on
    trials        what is known of a trial, as plain data
    journal       Optuna's journal in the study's folder, safe against kills
    ledger        the trials as Optuna keeps them, in a journal or in PostgreSQL
    claims        which process trains which trial, and whether it is still alive
    suggestions   the setting of a trial, from the trials that it may look back on
    schedule      what is to be trained next
    training      one trial, from rung to rung, on from its checkpoint
    study         all of these together: open, work, look
    workers       processes that work on a study, on one machine
    cluster       on many: Dask, SLURM
    estimates     how long it will take, before it begins
    statistics    what the results say, as numbers
    figures       the same, drawn

A study is a function of its texts, space, seed and rules, whoever trains what in which order, and
however often it is killed: the setting of trial n and the verdict on it look back on exactly the
trials 0 ... n - ahead (see `schedule`), so nothing depends on who was faster.
"""
