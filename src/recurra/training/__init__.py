"""Training: a network, a text and a recipe -> a run.

recipe       how to train, as data
presets      recipes for people who only say how long they will wait
resolve      what is asked for -> sizes and a learning rate, or a refusal
trainer      the training loop
checkpointer checkpoints and metrics in a run folder
schedule     the learning rate of a step
stopping     when it ends
resume_state what a checkpoint keeps beside arrays
records      the data that it yields
divergence   why one diverged, and what to do
clock        wall-clock figures
signals      Ctrl-C and its like
run_config   the configuration of a run
finished_run a run folder -> its configuration, records and model
sessions     names -> a run; a run folder -> its trainer and texts
mixtures     runs and counts -> a mixture
live         a training as a display shows it
request      a training as it is asked for, and `train`
write_request  texts as they are asked for, and `write`
run_list     the runs of a folder, with settings and losses
demo         the two-minute tour
"""
