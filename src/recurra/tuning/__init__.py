"""The search for good settings: a study of many trials, each an ordinary run.

    space          what is searched: lists and ranges of values, the classic grids
    trials         a trial as plain data: its setting, its state and its losses
    history        the past of a trial: all that its setting and its end may depend on
    registry       strategies by name
    samplers       rules that say which setting a trial has; a file each
    pruners        rules by which trials end early; a file each
    optuna_study   Optuna's samplers and pruners, asked about a study in memory
    spec           what is searched, how, and on which texts; the network and recipe of a setting
    schedule       the next actions of a search
    journal        Optuna's journal in the study's folder, safe against kills
    optuna_storage the journal or PostgreSQL, and Optuna's private names
    trial_store    trials, read and written through Optuna
    leases         which process trains which trial, and whether it is still alive
    trial_runner   one trial, from rung to rung, on from its checkpoint
    study          all of these together: open, work, look
    cluster        workers on many machines: Dask, SLURM
    workers        processes that work on a study
    cost           how long a search will take, before it begins
    statistics     numbers about its results
    figures        the same, drawn
    live           a search as a display shows it
    request        the request for a search, and `tune`

A study is a function of its texts, space, seed and rules, whoever trains what in which order, and
however often it is killed: the setting of trial n and the decision on its end look back on exactly
the trials 0 ... n - max_in_flight, so nothing depends on who was faster.
"""
