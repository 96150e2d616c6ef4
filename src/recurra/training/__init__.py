"""Training: a network, a text and a recipe -> a run.

recipe       how to train, as data
presets      recipes for people who only say how long they will wait
trainer      the training loop
stopping     when it ends
resume_state what a checkpoint keeps beside arrays
records      the data that it yields
clock        wall-clock figures
signals      Ctrl-C and its like
run_config   the configuration of a run
finished_run a run folder -> its configuration, records and model
sessions     names -> a run; a run folder -> its trainer and texts
request      what is asked for, as data
demo         the two-minute tour
"""
