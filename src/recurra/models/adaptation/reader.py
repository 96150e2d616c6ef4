"""Read a text and learn from it: every prediction is made before its character is learned from."""

from collections.abc import Callable, Sequence

import numpy as np

from recurra.compute.base import Engine, State, StepSettings
from recurra.errors import SettingError
from recurra.models.adaptation.base import Adaptation, GradientSquares
from recurra.models.adaptation.registry import make_rule
from recurra.models.evaluation import Loss, Text
from recurra.text.corpus import predictable


class AdaptiveReader:
    """An engine whose weights follow the text that it reads.

    The characters of a step are predicted with the weights and the state that those before them
    left; then the gradient of their mean loss changes the weights, and the state goes on. Gradients
    reach no further back than the step. What does not fill a step is predicted, not learned from.

    Args:
        engine: has the trained parameters; it is changed.
        settings: what is None in them is as the rule usually has it.
        squares: statistics of the gradients in training.

    Raises:
        SettingError: no such rule, or it cannot do without statistics.
    """

    def __init__(
        self, engine: Engine, settings: Adaptation, squares: GradientSquares | None = None
    ) -> None:
        self.engine, self.settings = engine, settings
        rule = make_rule(settings.rule)
        self._rate = rule.rates[0] if settings.rate is None else settings.rate
        decay = rule.decays[0] if settings.decay is None else settings.decay
        step = settings.step
        slots = rule.slots(squares, decay, step)
        self._step_settings = StepSettings(rule.optimizer(), 1, step, scale=1.0 / step)
        self._begin = {f"optimizer/{name}": array for name, array in slots.items()}
        self._begin |= engine.dump("parameter")
        self._no_dropout = np.random.default_rng(0)
        self.restart()

    def restart(self) -> None:
        """Forget all that was learned from texts."""
        self.engine.prepare(self._step_settings)
        self.engine.load(self._begin)
        self._updates = 0

    def read(
        self, text: Text, state: State, progress: Callable[[int], object] | None = None
    ) -> tuple[float, State]:
        """Read on.

        Args:
            text: ``(n + 1,)``; its first character is context only.
            state: from before that character.
            progress: called again and again with the characters done so far.

        Returns:
            The loss of the n characters, each predicted before it was learned from; the state
            before the last one.

        Raises:
            SettingError: the loss is no finite number any more.
        """
        engine, step = self.engine, self.settings.step
        engine.load({f"state/{n}": array for n, array in engine.dump_state(state).items()})
        nats, end = 0.0, len(text) - 1
        learned = end - end % step
        for start in range(0, learned, step):
            self._updates += 1
            nats += engine.step(
                text[start : start + step, None],
                text[start + 1 : start + step + 1, None],
                self._rate,
                update=self._updates,
                restarted=False,
                rng=self._no_dropout,
            )
            if not np.isfinite(nats):
                break
            if progress is not None:
                progress(start + step)
        state = engine.load_state(
            {name.partition("/")[2]: array for name, array in engine.dump("state").items()}
        )
        if learned < end:
            rest = text[learned:, None]
            losses, state = engine.losses(rest[:-1], rest[1:], state)
            nats += float(losses.sum(dtype=np.float64))
        if not np.isfinite(nats):
            raise SettingError(
                f"the network unlearned to predict within {self._updates:,} steps of adaptation at "
                f"the rate {self._rate:g}: give a lower one (--adapt-set rate={self._rate / 10:g})"
            )
        return nats, state


def adaptive_loss(
    reader: AdaptiveReader,
    texts: Sequence[Text],
    progress: Callable[[int], object] | None = None,
) -> Loss:
    """The loss over all of ``texts``, read one after the other, from the trained weights on.

    The state is zeros at the start of each text; see `Adaptation.carry` for the weights.

    Args:
        reader: it forgets what it learned before.
        texts: one array of character numbers per file.
        progress: called again and again with the characters done so far.

    Raises:
        SettingError: the loss is no finite number any more.
    """
    reader.restart()
    nats, characters = 0.0, 0

    def report(done: int) -> None:
        if progress is not None:
            progress(characters + done)

    with np.errstate(over="ignore", invalid="ignore"):
        for number, text in enumerate(predictable(texts)):
            if number and not reader.settings.carry:
                reader.restart()
            nats += reader.read(text, reader.engine.zero_state(1), report)[0]
            characters += len(text) - 1
    return Loss(nats, characters)
