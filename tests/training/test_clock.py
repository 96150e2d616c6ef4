"""The clock of a run, told the time."""

from recurra.training.clock import Clock


def test_what_is_no_part_of_a_run_is_left_out():
    time = [100.0]
    clock = Clock(lambda: time[0])
    time[0] += 2.0
    with clock.paused():
        time[0] += 30.0  # kernels are compiled
    time[0] += 3.0
    assert clock.seconds() == 5.0
    saved = clock.saved()
    again = Clock(lambda: time[0])
    again.start(saved)
    time[0] += 1.0
    assert again.seconds() == 6.0
