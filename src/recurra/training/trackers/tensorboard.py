"""Event files for TensorBoard: losses, rate, gradients and weights of every parameter, samples."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from recurra.errors import SettingError
from recurra.storage.files import cannot_write
from recurra.training.records import Evaluation, Finished, Progress, Record, Sample
from recurra.training.trackers.base import Tracker, Training
from recurra.view.markdown import code

HISTOGRAMS = 5  # evaluations from one histogram of the weights to the next


def require_package() -> None:
    """Refuse where the package that writes event files is not installed."""
    if find_spec("tensorboardX") is None:
        raise SettingError(
            'files for TensorBoard need one more package: pip install "recurra[tensorboard]"'
        )


class EventFiles(Tracker):
    """Writes event files into a folder.

    Args:
        trainer: the training; where it is resumed, later steps of the folder are replaced.
        folder: of this run.

    Raises:
        SettingError: the package that writes them is not installed.
        RunError: the folder cannot be written.
    """

    def __init__(self, trainer: Training, folder: Path) -> None:
        require_package()
        from tensorboardX import SummaryWriter

        self.trainer, self._evaluations = trainer, 0
        step = trainer.watch.step
        try:
            self._writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)
        except OSError as error:
            raise cannot_write(folder, error) from None

    def __call__(self, record: Record) -> None:
        """Write what the record says."""
        scalar = self._writer.add_scalar
        match record:
            case Progress(step=step):
                scalar("loss/train", record.smooth_nats_per_char, step)
                scalar("loss/step", record.nats_per_char, step)
                scalar("rate", record.rate, step)
                scalar("characters a second", record.chars_per_second, step)
                if record.gradient_norm is not None:
                    scalar("gradient/all", record.gradient_norm, step)
            case Evaluation(step=step):
                scalar("loss/held-out", record.nats_per_char, step)
                scalar("bits/held-out", record.bits_per_char, step)
                self._parameters(step)
            case Sample(step, text):
                self._writer.add_text("sample", code(text), step)
            case Finished(steps=step) if record.val_nats_per_char is not None:
                scalar("loss/held-out, all", record.val_nats_per_char, step)

    def _parameters(self, step: int) -> None:
        """The length of every gradient, on the beginning of the text, and of every parameter."""
        engine, recipe = self.trainer.engine, self.trainer.recipe
        text = max(self.trainer.corpus.train, key=len)[: recipe.seq_len + 1].astype(np.int32)[
            :, None
        ]
        _, gradients, _ = engine.loss_and_gradients(text[:-1], text[1:], engine.zero_state(1))
        arrays = engine.dump("parameter")
        for name, gradient in gradients.items():
            own = arrays[f"parameter/{name}"]
            self._writer.add_scalar(f"gradient/{name}", float(np.linalg.norm(gradient)), step)
            self._writer.add_scalar(f"weights/{name}", float(np.linalg.norm(own)), step)
            if self._evaluations % HISTOGRAMS == 0 and np.isfinite(own).all():
                self._writer.add_histogram(name, own, step)
        self._evaluations += 1

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
