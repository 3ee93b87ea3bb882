"""Train the network of cable neurons on MNIST, and write what it was like.

    python -m benchmarks.learn                          784-64-10, all 60,000 images, 4 epochs
    python -m benchmarks.learn --train 1000 --test 1000 --epochs 1
    python -m benchmarks.learn --hidden 256 64 --train 10000 --epochs 1
    python -m benchmarks.learn --rule adjoint --batch 4 --lr 0.1
    python -m benchmarks.learn --reduce 0.01 --threads 1    trees reduced; the weights then run in full trees
    python -m benchmarks.learn --compare                updates of both rules on the first batch

Hidden cells are the passive layer-2/3 pyramidal cell with 1.5 uF/cm2; input, places, window and initial
weights are those of Zhang et al. 2023. The data are ``mnist`` and ``hpc`` in the folder HELIOX_DATA. A
checkpoint lies beside the result while it is not finished: the same command goes on from it. Settings are
chosen with `--held`, images held back from training, never on the test set.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import heliox
from benchmarks.cpu import machine
from heliox import learn

OPTIMISERS = {"sgd": learn.SGD, "adam": learn.Adam}
RESULTS = Path(__file__).resolve().parents[1] / "results"


def network(hidden: list[int], seed: int) -> learn.Sequential:
    """784 inputs, layers of pyramidal cells, 10 outputs of one compartment."""
    cell = heliox.cells.hpc(active=False)
    cell.set(cm=1.5)
    pyramid = cell.model()
    layers = [learn.Dense(n, pyramid, places="dend", soma="soma[0](0.5)") for n in hidden]
    return learn.Sequential(learn.Encoder(784), *layers, learn.Dense(10), seed=seed)


def rules() -> dict[str, Any]:
    return {"transfer": learn.TransferResistance(), "adjoint": learn.Adjoint()}


def train(args: argparse.Namespace) -> dict[str, Any]:
    """One training, with the result so far."""
    images, test = learn.load_mnist()
    held = None
    if args.held:
        images, held = images.split(args.held, seed=args.seed)
    images, test = images.take(slice(args.train)), test.take(slice(args.test))
    began = time.perf_counter()
    net = network(args.hidden, args.weights)
    built = time.perf_counter() - began
    full = net
    if args.reduce:
        net = learn.reduce(full, args.reduce)
    reduced = time.perf_counter() - began - built
    steps = args.epochs * -(-len(images) // args.batch)
    checkpoint = args.out.with_suffix(".checkpoint.h5")
    trainer = learn.Trainer(
        net, loss=learn.SoftmaxCrossEntropy(), rule=rules()[args.rule],
        optimizer=OPTIMISERS[args.optimizer](learn.Linear(args.lr, 0.0, steps)), batch=args.batch,
        seed=args.seed, threads=args.threads, device=args.device, checkpoint=checkpoint,
    )  # fmt: skip
    if checkpoint.exists():
        trainer.resume()
    validation = None if held is None else (held.images, held.labels)
    history = trainer.fit(images.images, images.labels, args.epochs, validation=validation)
    if history.interrupted:
        sys.exit(f"interrupted; the same command goes on from {checkpoint.name}")
    began = time.perf_counter()
    shown = trainer.evaluate(test.images, test.labels)
    seconds = time.perf_counter() - began
    checkpoint.unlink()
    more = {} if net is full else _in_full_trees(full, trainer, net, test, shown, reduced, args)
    samples = args.epochs * len(images)
    every = max(1, len(history.batches) // 200)
    return {
        "command": "python -m benchmarks.learn " + " ".join(sys.argv[1:]),
        "machine": machine(), "heliox": heliox.__version__, "network": repr(net), "rule": repr(trainer.rule),
        "optimizer": repr(trainer.optimizer), "batch": args.batch, "seed": args.seed,
        "weights_seed": args.weights, "threads": args.threads, "epochs": args.epochs, "train": len(images),
        "held": args.held, "test": len(test), "network_s": built, "train_s": sum(history.seconds),
        "train_s_per_1000": 1000.0 * sum(history.seconds) / samples,
        "test_s_per_1000": 1000.0 * seconds / len(test),
        "peak_MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
        "test_accuracy": shown.accuracy, "test_loss": shown.loss, "loss": history.train_loss,
        "accuracy": history.train_accuracy, "validation_accuracy": history.validation_accuracy,
        "seconds": history.seconds, "curve": history.batches[::every], "curve_every": every,
        "confusion": _confusion(shown.predictions, test.labels), **more,
    }  # fmt: skip


def _in_full_trees(
    full: learn.Sequential, trainer: learn.Trainer, net: Any, test: learn.Dataset, shown: Any, reduced: float,
    args: argparse.Namespace,
) -> dict[str, Any]:  # fmt: skip
    """The weights that reduced trees have learned, run in the full ones."""
    part = test.take(slice(args.full))
    other = learn.Trainer(  # nothing is learned: the rule that needs the least
        full, loss=trainer.loss, rule=learn.TransferResistance(), optimizer=trainer.optimizer,
        batch=args.batch, threads=args.threads, device=args.device,
    )  # fmt: skip
    other.x = trainer.x
    began = time.perf_counter()
    in_full = other.evaluate(part.images, part.labels)
    seconds = time.perf_counter() - began
    here = shown.predictions[: len(part)]
    return {
        "reduce": args.reduce, "reduced": repr(net), "reduction_s": reduced, "full_test": len(part),
        "full_accuracy": in_full.accuracy, "full_test_s_per_1000": 1000.0 * seconds / len(part),
        "reduced_accuracy_of_these": float((here == part.labels).mean()),
        "predictions_equal": float((here == in_full.predictions).mean()),
    }  # fmt: skip


def _confusion(predicted: np.ndarray, labels: np.ndarray) -> list[list[int]]:
    """Rows: labels, columns: answers."""
    table = np.zeros((10, 10), np.int64)
    np.add.at(table, (labels, predicted), 1)
    return table.tolist()


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """Cosine of the updates of both rules by layer, and the seconds of each, on the first batch."""
    images, _ = learn.load_mnist()
    batch = images.take(slice(args.batch))
    net = network(args.hidden, args.weights)
    x = np.concatenate([p.initial for p in net.parameters])
    out: dict[str, Any] = {"batch": args.batch, "network": repr(net), "machine": machine()}
    found = {}
    for name, rule in rules().items():
        learner = rule.bind(net, learn.SoftmaxCrossEntropy(), args.batch, threads=args.threads, device="cpu")
        learner.learn(x, batch.intensity, batch.labels)  # compiles
        began = time.perf_counter()
        found[name] = learner.learn(x, batch.intensity, batch.labels).gradient
        out[f"{name}_s"] = time.perf_counter() - began
    at = 0
    for p in net.parameters:
        a, b = (g[at : at + len(p)] for g in found.values())
        out[p.name] = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        at += len(p)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learn", description=__doc__.split("\n")[0])
    parser.add_argument("--hidden", type=int, nargs="+", default=[64], help="cells of each hidden layer")
    parser.add_argument("--train", type=int, default=60_000, help="training images")
    parser.add_argument("--test", type=int, default=10_000, help="test images")
    parser.add_argument("--held", type=int, default=0, help="images held back, evaluated after every epoch")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--optimizer", choices=sorted(OPTIMISERS), default="sgd")
    parser.add_argument("--lr", type=float, default=0.3, help="learning rate, which falls linearly to 0")
    parser.add_argument("--rule", choices=sorted(rules()), default="transfer")
    parser.add_argument("--seed", type=int, default=0, help="of the order of samples")
    parser.add_argument("--weights", type=int, default=1234, help="seed of places and weights")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--reduce", type=float, default=0.0, help="train reduced trees, to this tolerance")
    parser.add_argument("--full", type=int, default=1000, help="test images run in full trees after --reduce")
    parser.add_argument("--compare", action="store_true", help="only compare the rules on the first batch")
    parser.add_argument("--out", type=Path, default=None, help="JSON file of the result")
    args = parser.parse_args()
    sizes = "-".join(map(str, args.hidden))
    kind = "compare" if args.compare else f"{args.rule}_{args.train}" + "_reduced" * bool(args.reduce)
    args.out = args.out or RESULTS / f"learn_mnist_{sizes}_{kind}.json"
    result = compare(args) if args.compare else train(args)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(
        f"{args.out.name}: " + (str(result) if args.compare else f"{result['test_accuracy']:.4f} of the test")
    )


if __name__ == "__main__":
    main()
