"""When a trial looks bad enough to end, and who goes on.

A rung is a number of characters; whoever has trained on so many is looked at: its held-out loss of
that moment, estimated on some of the text. Between rungs nothing differs from a training in full:
neither schedule nor random numbers know of rungs, and warm-up is over before the first.

    none       every trial trains in full
    classic    the original's own stop rules: no new minimum of the smoothed loss for 1,000 steps,
               or its integer part not fallen for 10,000
    median     worse at a rung than the median of earlier trials (Optuna's MedianPruner)
    halving    not among the best 1/factor that came to this rung (Optuna's SuccessiveHalvingPruner;
               Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning")
    hyperband  several of these with later first rungs (Optuna's HyperbandPruner; Li et al. 2018)
    rounds     all trials train to a rung, then the best 1/factor of them to the next (Jamieson,
               Talwalkar 2016); nobody is judged before all can be compared
    top        the plain baseline: one pass over the text, then the best ``keep`` go on

A large network learns slowly at first, so that an early rung favours small ones. Rounds may
therefore be held ``within`` the trials that share a value, as of ``hidden``.
"""

from dataclasses import dataclass

from recurra.errors import SettingError

PRUNERS = ("none", "classic", "median", "halving", "hyperband", "rounds", "top")
LOOKS_BACK = ("median", "halving", "hyperband")
WAITS = ("rounds", "top")
LONG_WAY = 27  # how many times the first rung the whole way is, unless asked otherwise


@dataclass(frozen=True)
class Pruner:
    """A way to prune, and its rungs.

    Attributes:
        name: one of `PRUNERS`.
        rungs: characters, rising, all below those of a training in full.
        factor: 1 in so many goes on; and how many times further the next rung is.
        keep: how many go on after one pass ("top" only).
        within: a parameter; trials are judged only against those that have the same value of it
            ("rounds" only).

    Raises:
        SettingError: an unknown name, or numbers that make no sense.
    """

    name: str
    rungs: tuple[int, ...] = ()
    factor: int = 3
    keep: int = 1
    within: str | None = None

    def __post_init__(self) -> None:
        if self.name not in PRUNERS:
            raise SettingError(f"no pruner {self.name}: choose one of {', '.join(PRUNERS)}")
        if self.keep < 1:
            raise SettingError(f"a pruner has to keep 1 trial or more, not {self.keep}")
        if self.within is not None and self.name != "rounds":
            raise SettingError(f"only rounds are held within a parameter, not {self.name}")
        if list(self.rungs) != sorted(set(self.rungs)) or min(self.rungs, default=1) < 1:
            raise SettingError(f"rungs {self.rungs} have to be whole numbers above 0 that rise")

    def kept(self, reached: int, groups: int = 1) -> int:
        """How many of so many at a rung go on, where all wait for one another.

        Args:
            reached: that many.
            groups: of equal size, in which they are judged.
        """
        if self.name == "top":
            return min(reached, self.keep)
        return min(max(1, reached), groups * max(1, reached // groups // self.factor))


def make_pruner(
    name: str,
    length: int,
    one_pass: int,
    *,
    trials: int,
    first: int | None = None,
    factor: int = 3,
    keep: int | None = None,
    within: str | None = None,
) -> Pruner:
    """A pruner for trials of some length.

    Args:
        name: one of `PRUNERS`.
        length: characters of a training in full.
        one_pass: characters of the training text.
        trials: how many there are; by default "top" keeps a sixteenth of them.
        first: characters of the first rung. Default: one pass for "top" (a ninth of the way where
            that is not below half of it), else a 27th of the way.
        factor, keep, within: see `Pruner`.

    Raises:
        SettingError: an unknown name, or the first rung is not below the length.
    """
    if name not in LOOKS_BACK and name not in WAITS:
        return Pruner(name, (), factor, within=within)
    if factor < 2:
        raise SettingError(f"a pruner's factor has to be 2 or more, not {factor}")
    if first is None:
        if name == "top":
            first = one_pass if 2 * one_pass <= length else length // 9
        else:
            first = length // LONG_WAY
    if not 0 < first < length:
        raise SettingError(
            f"the first rung, {first:,} characters, has to lie below the {length:,} characters "
            "of a training in full: give another --rung or --length"
        )
    rungs = [first]
    # The whole way is at least `factor` times the last rung, but for the rest of a division.
    while name != "top" and rungs[-1] * factor**2 <= 1.01 * length:
        rungs.append(rungs[-1] * factor)
    return Pruner(name, tuple(rungs), factor, keep or max(1, trials // 16), within)
