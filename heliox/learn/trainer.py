"""`Trainer`: epochs, batches, checkpoints."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from heliox.errors import HelioXError, ModelError, NumericalError, UnsupportedError
from heliox.learn import checkpoint
from heliox.learn.checkpoint import Progress
from heliox.learn.forward import Forward
from heliox.learn.history import History
from heliox.learn.network import Net, array_of, numbers, samples_of
from heliox.learn.optimisers import Optimiser
from heliox.learn.reduced import ReducedForward, ReducedSequential
from heliox.learn.rules import Criterion, Rule
from heliox.learn.weights import packed

Array = NDArray[np.float64]
Data = tuple[ArrayLike, ArrayLike]


@dataclass
class Evaluation:
    """Of samples that were shown, not learned from.

    Attributes
    ----------
    loss : float
        Mean.
    accuracy : float
        Part of the samples whose largest readout is their label; NaN where targets are no labels.
    readout : (n, outputs)
    """

    loss: float
    accuracy: float
    readout: Array

    @property
    def predictions(self) -> NDArray[np.intp]:
        """The largest readout of each sample (n,)."""
        return self.readout.argmax(axis=1)

    def __repr__(self) -> str:
        return (
            f"<heliox evaluation of {len(self.readout)}: loss {self.loss:.4g}, accuracy {self.accuracy:.4f}>"
        )


class Trainer:
    """Trains a network.

    Parameters
    ----------
    net : Sequential, Network, or a Sequential that `reduce` has reduced
    loss : loss of readouts
        `SoftmaxCrossEntropy`, ...
    rule : Rule
        `TransferResistance`, `Adjoint`, `FiniteDifference`.
    optimizer : Optimiser
        `SGD`, `Adam`.
    batch : int
        Samples that are learned from together: members of one simulation.
    seed : int
        Of the order of samples: in epoch k that of ``numpy.random.default_rng((seed, k)).permutation``.
    shuffle : bool
        Otherwise they come as they stand.
    checkpoint : path, optional
        Written after every epoch, and when Ctrl-C ends the training; `resume` goes on from it to the same
        bits. A file that is there already is replaced only if this training wrote or resumed it.
    progress : bool
        Bars with loss and accuracy.
    device, threads, math
        As of `Simulation`.

    Attributes
    ----------
    x : (N,)
        Parameters now; assign to begin with others.
    history : History
    """

    def __init__(
        self, net: Net | ReducedSequential, *, loss: Criterion, rule: Rule, optimizer: Optimiser,
        batch: int = 16, seed: int = 0, shuffle: bool = True,
        checkpoint: str | os.PathLike[str] | None = None, progress: bool = True, device: str = "auto",
        threads: int | None = None, math: str = "fast",
    ) -> None:  # fmt: skip
        for what, value, least in (("batch", batch, max(1, getattr(loss, "least", 1))), ("seed", seed, 0)):
            if not isinstance(value, (int, np.integer)) or value < least:
                raise ModelError(f"{what} is {value!r}; it must be a whole number, at least {least}")
        if isinstance(net, ReducedSequential) and (device not in ("auto", "cpu") or math != "fast"):
            raise UnsupportedError(
                f"a reduced network runs on the CPU with math='fast', not on {device!r} with {math!r}"
            )
        self.net: Any = net
        self.loss, self.rule, self.optimizer = loss, rule, optimizer
        self.batch, self.seed, self.shuffle, self.progress = int(batch), int(seed), shuffle, progress
        self.path = checkpoint
        self._options: dict[str, Any] = {"device": device, "threads": threads, "math": math}
        self._learner = rule.bind(cast(Net, net), loss, self.batch, **self._options)
        self._forward: Forward | ReducedForward | None = None
        x = packed(net.parameters)
        self._at = Progress(x, optimizer.start(len(x)))
        self._mine = False  # whether the checkpoint that is there is this training's
        self.history = History()

    @property
    def x(self) -> Array:
        return self._at.x.copy()

    @x.setter
    def x(self, values: ArrayLike) -> None:
        x = np.asarray(values, np.float64)
        if x.shape != self._at.x.shape or not np.isfinite(x).all():
            raise ModelError(f"parameters are {self._at.x.shape[0]} finite numbers, not of shape {x.shape}")
        self._at.x = x.copy()

    @property
    def about(self) -> dict[str, str | int]:
        """What a checkpoint belongs to."""
        return {
            "model": self.net.model.hash, "net": self.net.about, "parameters": len(self._at.x),
            "rule": _spelled(self.rule),
            "loss": _spelled(self.loss), "optimizer": _spelled(self.optimizer), "batch": self.batch,
            "seed": self.seed, "shuffle": int(self.shuffle), "math": self._options["math"],
        }  # fmt: skip

    # --- training

    def resume(self, path: str | os.PathLike[str] | None = None) -> Trainer:
        """Go on from a checkpoint (default: the trainer's own); itself.

        Raises
        ------
        ModelError
            If it cannot be read, or belongs to another model or training; the trainer is then as it was.
        """
        path = self.path if path is None else path
        if path is None:
            raise ModelError("resume needs the path of a checkpoint")
        self._at, self.history = checkpoint.load(path, self.about)
        self._mine = self._mine or (self.path is not None and _same_file(path, self.path))
        return self

    def fit(
        self, samples: ArrayLike, targets: ArrayLike, epochs: int = 1, *, validation: Data | None = None,
        patience: int | None = None,
    ) -> History:  # fmt: skip
        """Train until `epochs` epochs are done, counted from the beginning of the training.

        Parameters
        ----------
        samples : (n, inputs), or images (n, rows, columns)
            Bytes count as parts of 255.
        targets : (n,) labels, or (n, outputs)
        validation : (samples, targets), optional
            Evaluated after every epoch.
        patience : int, optional
            End when the validation loss has not fallen for so many epochs, with the parameters of the best; a
            training whose epochs are over before has those of the last.

        Returns
        -------
        History
            Also after Ctrl-C, which leaves a checkpoint that `resume` goes on from.

        Raises
        ------
        NumericalError
            If a loss, voltage or gradient is not finite: fields ``sample`` and ``layer``. Parameters and
            checkpoint are those from before that batch.
        """
        x, y = self._data(samples, targets)
        held = None if validation is None else self._data(*validation)
        if patience is not None and held is None:
            raise ModelError("patience needs validation data to lose it over")
        least, rest = getattr(self.loss, "least", 1), len(x) % self.batch
        if 0 < rest < least:
            raise ModelError(
                f"{self.loss!r} needs batches of at least {least}, and of {len(x)} samples in batches of "
                f"{self.batch} the last has {rest}"
            )
        self._claim()
        self._begin(x, y, held)
        self.history.interrupted = False
        self.history.stopped = self._lost(patience)
        try:
            while self._at.epoch < epochs and not self.history.stopped:
                self._epoch(x, y, epochs)
                self._finish(held, len(x), patience)
                self._save()
        except KeyboardInterrupt:
            self.history.interrupted = True
            self._save()
        return self.history

    def _begin(self, x: Array, y: NDArray, held: tuple[Array, NDArray] | None) -> None:
        """An unfinished epoch goes on with the samples it began with; other validation has its own best."""
        data = _digest(x, y)
        if self._at.batch > 0 and self._at.data not in ("", data):
            raise ModelError(
                f"epoch {self._at.epoch + 1} was interrupted after batch {self._at.batch} of other samples "
                "or targets; go on with those it began with"
            )
        self._at = replace(self._at, data=data)
        shown = "" if held is None else _digest(*held)
        if held is not None and shown != self._at.held:
            first = len(self.history.validation_loss)
            self._at = replace(self._at, held=shown, first=first, best=None, least=np.inf)
        if isinstance(self.net, ReducedSequential):
            self.net.forward(self._options["threads"]).prepare(x, *([] if held is None else held[:1]))

    def _order(self, n: int) -> NDArray[np.intp]:
        if not self.shuffle:
            return np.arange(n)
        return np.random.default_rng((self.seed, self._at.epoch)).permutation(n)

    def _epoch(self, x: Array, y: NDArray, epochs: int) -> None:
        """The batches of an epoch that are still to come."""
        order = self._order(len(x))
        total = -(-len(x) // self.batch)
        label = f"epoch {self._at.epoch + 1}/{epochs}"
        with self._bar(total, label, self._at.batch) as bar:
            while self._at.batch < total:
                k = self._at.batch * self.batch
                chosen = order[k : k + self.batch]
                self._learn(numbers(x[chosen]), y[chosen], chosen)
                loss, correct = self._at.running[:2] / (k + len(chosen))
                bar.set_postfix_str(f"loss {loss:.4f}, accuracy {correct:.4f}", refresh=False)
                bar.update()

    def _learn(self, x: Array, y: NDArray, chosen: NDArray[np.intp]) -> None:
        """One batch; what an interrupt meets is the state before it or behind it."""
        at, began = self._at, time.perf_counter()
        try:
            out = self._learner.learn(at.x, x, y)
        except HelioXError as e:
            raise self._named(e, chosen) from e
        for what, values in (("loss", out.loss), ("readout", out.readout)):
            bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
            if len(bad):
                wrong = NumericalError(f"the {what} is NaN or infinite", member=int(bad[0]), cell=self._last)
                raise self._named(wrong, chosen)
        if not np.isfinite(out.gradient).all():
            raise NumericalError(f"the gradient of the batch with sample {chosen[0]} is NaN or infinite")
        new, state = at.x.copy(), {k: v.copy() for k, v in at.state.items()}
        self.optimizer.step(new, out.gradient, state, at.step)
        row = np.array([out.loss.sum(), _correct(out.readout, y), time.perf_counter() - began])
        self._at = replace(
            at, x=new, state=state, step=at.step + 1, batch=at.batch + 1, running=at.running + row
        )
        self.history.batches.append(float(out.loss.mean()))

    @property
    def _last(self) -> str:
        layers = getattr(self.net, "layers", None)
        return f"layer{len(layers) - 1}" if layers else "readout"

    def _named(self, e: HelioXError, chosen: NDArray[np.intp]) -> HelioXError:
        """The error with the number of the sample, and the layer, where it tells of a member."""
        member = e.fields.get("member", e.fields.get("sample"))
        if not isinstance(e, NumericalError) or not isinstance(member, int):
            return e
        layer = str(e.fields.get("cell", "")).partition("[")[0] or self._last
        sample = int(chosen[member])
        return NumericalError(f"sample {sample}, {layer}: {e}", sample=sample, layer=layer, member=member)

    def _finish(self, held: tuple[Array, NDArray] | None, n: int, patience: int | None) -> None:
        """The end of an epoch: what it was like, and whether it was the last."""
        at, row = self._at, {}
        row = dict(zip(("train_loss", "train_accuracy", "seconds"), (*(at.running[:2] / n), at.running[2])))
        if held is not None:
            e = self._shown(*held, "validation")
            row |= {"validation_loss": e.loss, "validation_accuracy": e.accuracy}
            if e.loss < at.least:
                at.least, at.best = e.loss, at.x.copy()
        self.history.add(**row)
        at.epoch, at.batch, at.running = at.epoch + 1, 0, np.zeros(3)
        if self._lost(patience) and at.best is not None:
            self.history.stopped = True
            at.x = at.best.copy()

    def _lost(self, patience: int | None) -> bool:
        """Whether the validation loss has not fallen for so many epochs."""
        losses = self.history.validation_loss[self._at.first :]
        if patience is None or not np.isfinite(losses).any():
            return False
        return len(losses) - 1 - int(np.nanargmin(losses)) >= patience

    # --- showing

    def evaluate(self, samples: ArrayLike, targets: ArrayLike) -> Evaluation:
        """Show samples without learning."""
        return self._shown(*self._data(samples, targets), "evaluation")

    def predict(self, samples: ArrayLike) -> Array:
        """Readouts (n, outputs)."""
        x = samples_of(self.net, samples)
        if not len(x):
            raise ModelError("there are no samples to predict of")
        return self._readouts(x, "prediction")

    def _shown(self, x: Array, y: NDArray, label: str) -> Evaluation:
        readout = self._readouts(x, label)
        loss, _ = self.loss.value_and_gradient(readout, y)
        accuracy = _correct(readout, y) / len(x)
        return Evaluation(float(loss.mean()), accuracy, readout)

    def _readouts(self, x: Array, label: str) -> Array:
        if self._forward is None:
            if isinstance(self.net, ReducedSequential):
                self._forward = self.net.forward(self._options["threads"])
            else:
                self._forward = Forward(self.net, self.batch, **self._options)
        self._forward.write(self._at.x)
        out = []
        starts = range(0, len(x), self.batch)
        with self._bar(len(starts), label) as bar:
            for k in starts:
                try:
                    out.append(self._forward.run(numbers(x[k : k + self.batch])))
                except NumericalError as e:
                    raise self._named(e, np.arange(k, k + self.batch)) from e
                bar.update()
        return np.concatenate(out)

    # --- what comes in and what stays

    def _data(self, samples: ArrayLike, targets: ArrayLike) -> tuple[Array, NDArray]:
        """Checked samples and targets."""
        x = samples_of(self.net, samples)
        y = array_of(targets, "targets", f"labels (n,) or numbers (n, {self.net.outputs})")
        if len(x) == 0 or len(x) != len(y):
            raise ModelError(f"there are {len(x)} samples and {len(y)} targets")
        if y.ndim == 1:
            bad = np.flatnonzero((y < 0) | (y >= self.net.outputs) | (y != np.floor(y)))
            if len(bad):
                raise ModelError(
                    f"the label of sample {bad[0]} is {y[bad[0]]}; labels are whole numbers from 0 to "
                    f"{self.net.outputs - 1}",
                    sample=int(bad[0]), label=y[bad[0]].item(),
                )  # fmt: skip
            return x, y.astype(np.int64)
        if y.shape[1:] != (self.net.outputs,):
            raise ModelError(f"targets of shape {y.shape} do not fit {self.net.outputs} outputs")
        return x, y.astype(np.float64)

    def _bar(self, total: int, label: str, initial: int = 0) -> tqdm:
        off = None if self.progress else True
        return tqdm(
            total=total, initial=initial, desc=label, unit="batch", delay=2.0, leave=False, disable=off
        )

    def _claim(self) -> None:
        if self.path is not None and not self._mine and os.path.exists(self.path):
            raise ModelError(
                f"{os.fspath(self.path)} is there already: resume from it, or name another checkpoint",
                path=os.fspath(self.path),
            )

    def _save(self) -> None:
        if self.path is not None:
            checkpoint.save(self.path, self._at, self.history, self.about)
            self._mine = True

    def __repr__(self) -> str:
        return f"<heliox Trainer of {self.net!r} by {self.rule!r}: {self.history.epochs} epochs>"


def _correct(readout: Array, y: NDArray) -> float:
    """Samples whose largest readout is their label; NaN for targets that are no labels."""
    return float((readout.argmax(axis=1) == y).sum()) if y.ndim == 1 else np.nan


def _digest(x: NDArray, y: NDArray) -> str:
    digest = sha256(repr((x.shape, x.dtype.str, y.shape, y.dtype.str)).encode())
    for values in (x, y):
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _spelled(thing: object) -> str:
    """Its repr, or the name of its class where that says no more."""
    plain = type(thing).__repr__ is object.__repr__
    return type(thing).__qualname__ if plain else repr(thing)


def _same_file(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> bool:
    return os.path.abspath(os.fspath(a)) == os.path.abspath(os.fspath(b))
