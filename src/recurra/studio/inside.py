"""The place Look inside: what the units of a run do over a text, and how far it remembers."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from starlette.routing import BaseRoute

from recurra.errors import RequestError, TextError
from recurra.models.inspection import (
    FEATURES,
    Array,
    activity,
    feature,
    follow,
    gradient_reach,
    passages,
    units_on,
)
from recurra.models.model import Model
from recurra.studio.forms import Form, check_range, computed
from recurra.studio.models import Models
from recurra.studio.pool import Pool
from recurra.studio.workspace import Entry, Workspace, changed
from recurra.training.finished_run import FinishedRun
from recurra.view.charts import Curve, curves
from recurra.view.words import Language, Words

LONGEST = 4000  # characters of a text
MOST = 4_000_000  # values of its units
EXCERPT = 700  # characters of an excerpt
SEARCHED = 40_000  # characters of a corpus in which passages are looked for
AROUND = 40  # characters shown before and behind a passage
FOLLOWING = 8  # units shown for each feature
KEPT = 4  # texts that are kept, with their units
_THRESHOLDS = (1.0, 0.5, 0.25)  # standard deviations above the mean, the clearest first
_SMALL = 1e-8  # of the largest norm; below it the figure ends


@dataclass(frozen=True, kw_only=True)
class Look(Form):
    """A run, a text and a part of it to look at.

    Attributes:
        run: the id of a run.
        other: of another one, or empty.
        text: is read; empty: an excerpt of the text that was held out.
        vector: of the equations; empty: the last one.
        start, end: characters of the text that are selected.
        language: of the answer.
    """

    run: str
    other: str = ""
    text: str = ""
    vector: str = ""
    start: int = 0
    end: int = 0
    language: Language = "en"

    def check(self) -> None:
        """Refuse what makes no sense, or is too much.

        Raises:
            RequestError: with the name of the field.
        """
        if len(self.text) > LONGEST:
            raise RequestError("text", f"a text has {LONGEST:,} characters at most: shorten it")
        check_range("start", self.start, 0, LONGEST)
        check_range("end", self.end, 0, LONGEST)

    def among(self, vectors: Iterable[str]) -> str:
        """The vector that is asked for, or the last one."""
        names = [*vectors]
        return self.vector if self.vector in names else names[-1]


def routes(workspace: Workspace, models: Models, pool: Pool) -> list[BaseRoute]:
    """The routes of the place."""
    inspected = _Inspected(workspace, models)

    answers = {
        "read": inspected.read,
        "passages": inspected.passages,
        "reach": inspected.reach,
    }
    return [
        computed(f"/api/inside/{name}", Look, compute, pool) for name, compute in answers.items()
    ]


class _Inspected:
    """Runs that are looked into; the texts seen last are kept, with their units."""

    def __init__(self, workspace: Workspace, models: Models) -> None:
        self._workspace, self._models = workspace, models
        self._activity = lru_cache(KEPT)(_activity)
        self._texts = lru_cache(KEPT)(_held_out)

    def read(self, form: Look) -> dict[str, Any]:
        """The units of a vector over a text, as bytes, and those that follow something."""
        model = self._models.load(form.run)
        text = form.text or _excerpt(self._held_out(form.run))
        known = model.vocabulary.known(text)
        if len(known) < 2:
            raise RequestError("text", "the model knows too few of these characters: type others")
        found = self._activity(model, known)
        vector = form.among(found)
        values = found[vector]
        if values.size > MOST:
            raise RequestError("text", "this is a text too long for so many units: shorten it")
        scale = float(np.abs(values).max()) or 1.0
        scaled = np.round(values / scale * 127.0).astype(np.int8)
        return {
            "text": known,
            "skipped": model.vocabulary.unknown(text),
            "vectors": {name: own.shape[1] for name, own in found.items()},
            "vector": vector,
            "scale": scale,
            "values": b64encode(scaled.tobytes()).decode(),
            "follow": {which: _best(follow(values, feature(known, which))) for which in FEATURES},
        }

    def passages(self, form: Look) -> dict[str, Any]:
        """The units that are on in a selection, and other passages where they are."""
        model = self._models.load(form.run)
        found = self._activity(model, model.vocabulary.known(form.text))
        vector = form.among(found)
        start, end = form.start, min(form.end, len(found[vector]))
        if end <= start:
            raise RequestError("start", "select a passage of the text first")
        for threshold in _THRESHOLDS:
            units = units_on(found[vector], start, end, threshold)
            if units:
                break
        else:
            return {"units": [], "passages": []}
        try:
            corpus = model.vocabulary.known(self._held_out(form.run)[:SEARCHED])
        except TextError:  # it was moved
            corpus = form.text
        values = self._activity(model, corpus)[vector]
        shown = [
            {
                "before": corpus[max(0, one.start - AROUND) : one.start],
                "inside": corpus[one.start : one.end],
                "after": corpus[one.end : one.end + AROUND],
                "share": round(one.share, 3),
            }
            for one in passages(values, units, end - start, threshold=threshold)
        ]
        return {"units": units, "passages": shown}

    def reach(self, form: Look) -> dict[str, Any]:
        """A figure of how far back the gradient reaches, of one run or two."""
        words, lines, table = Words(form.language), list[Curve](), list[dict[str, Any]]()
        for colour, run in enumerate(filter(None, (form.run, form.other))):
            model = self._models.load(run)
            text = model.vocabulary.known(self._held_out(run)[:SEARCHED])
            norms = gradient_reach(model, model.vocabulary.encode(text))
            vector, found = [*norms.items()][-1] if norms else ("", np.zeros(0))
            shown = np.flatnonzero(found > _SMALL * found.max(initial=0.0))
            if not shown.size:
                continue
            label = f"{run.rpartition('/')[2]}: {vector}"
            lines.append(Curve(shown, np.log10(found[shown]), colour, label))
            half = np.flatnonzero(found < found[0] / 100.0)
            table.append({"label": label, "steps": int(half[0]) if half.size else None})
        return {"figure": curves(lines, words("reach steps"), words("reach norm")), "runs": table}

    def _held_out(self, run: str) -> str:
        entry = self._workspace.entry(run, "run")
        return self._texts(entry, changed(entry.path / "config.json"))


def _held_out(entry: Entry, begun: int) -> str:
    """The validation text of a run; where nothing was held out, its training text.

    Raises:
        TextError: it was moved or deleted.
    """
    corpus = FinishedRun.open(entry.path).config.text.load(entry.label)
    parts: Sequence[Array] = corpus.validation or corpus.train
    return corpus.vocabulary.decode(np.concatenate(list(parts))[: SEARCHED + EXCERPT])


def _activity(model: Model, text: str) -> dict[str, Array]:
    return activity(model, model.vocabulary.encode(text))


def _excerpt(text: str) -> str:
    """A part of a text that begins and ends with a line, where there are lines."""
    start = text.find("\n", 0, EXCERPT) + 1
    end = text.rfind("\n", start + EXCERPT // 2, start + EXCERPT)
    return text[start : end if end > 0 else start + EXCERPT].lstrip("\n")


def _best(found: Array) -> list[list[float]]:
    order = np.argsort(-np.abs(found), kind="stable")[:FOLLOWING]
    return [[int(unit), round(float(found[unit]), 3)] for unit in order if found[unit]]
