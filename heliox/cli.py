"""The command line: ``heliox info | demo | run | compare``."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heliox._version import __version__
from heliox.errors import HelioXError, ModelError

if TYPE_CHECKING:
    from heliox.model.model import Model

TSTOP = 100.0  # ms


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, or 2 after an error, which is one line on stderr.

    Parameters
    ----------
    argv : sequence of str, optional
        Default: the process's own arguments.
    """
    # NEURON looks for a display when it is imported, and complains where there is none
    os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")
    words = list(sys.argv[1:] if argv is None else argv)
    cut = words.index("--") if "--" in words else len(words)
    arguments = _parser().parse_args(words[:cut])
    arguments.rest = words[cut + 1 :]
    try:
        return int(arguments.command(arguments) or 0)
    except HelioXError as e:
        print(f"heliox: {e}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("heliox: stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="heliox", description="Morphologically detailed neurons, simulated in Python."
    )
    parser.add_argument("--version", action="version", version=f"heliox {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    info = commands.add_parser("info", help="versions, processor, GPUs, cache, and what is missing")
    info.set_defaults(command=_info)

    demo = commands.add_parser("demo", help="build a network in NEURON and run it in both simulators; "
                               "demo learn: train cells to read digits")  # fmt: skip
    demo.add_argument("what", nargs="?", choices=("network", "learn"), default="network")
    demo.add_argument("--morphology", metavar="FILE", help="an SWC or ASC file; default: generated cells")
    demo.add_argument("--cells", type=_whole, default=12, metavar="N", help="default: 12")
    demo.add_argument("--tstop", type=_positive, default=TSTOP, metavar="ms", help="default: 100")
    demo.add_argument("--out", default="heliox-demo", metavar="DIR", help="default: heliox-demo")
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="of cells, connections and drive")
    demo.add_argument("--threads", type=_whole, metavar="N", help="threads of HelioX")
    demo.set_defaults(command=_demo)

    run = commands.add_parser("run", help="run a saved model")
    run.add_argument("model", metavar="model.h5", help="what Model.save wrote")
    run.add_argument("--tstop", type=_positive, default=TSTOP, metavar="ms", help="default: 100")
    run.add_argument(
        "--record",
        nargs="+",
        action="extend",
        metavar="PATH",
        help="e.g. 'soma[0](0.5).v'; default: the middle of every cell's first section",
    )
    run.add_argument("--every", type=_positive, metavar="ms", help="between samples; default: dt")
    run.add_argument("--out", metavar="results.h5", help="where to write recordings and spikes")
    run.add_argument("--dt", type=_positive, metavar="ms", help="default: the model's own")
    _common(run)
    run.set_defaults(command=_run)

    mod = commands.add_parser("mod2py", help="print the Python mechanism a mod file becomes")
    mod.add_argument("file", metavar="FILE.mod")
    mod.set_defaults(command=_mod2py)
    beside = commands.add_parser("compare", help="execute your NEURON script, then run its model in both",
                                   epilog="What follows -- are the arguments of the script.")  # fmt: skip
    beside.add_argument("script", help="a Python or hoc file that builds a model")
    beside.add_argument("--tstop", type=_positive, metavar="ms", help="default: h.tstop of the script")
    beside.add_argument("--v-init", type=float, metavar="mV", help="default: h.v_init, else -65")
    beside.add_argument(
        "--record",
        nargs="+",
        action="extend",
        metavar="PLACE",
        help="where voltages are compared, e.g. soma 'dend*'; default: everywhere",
    )
    _common(beside)
    beside.set_defaults(command=_compare)
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--math", choices=("fast", "libm"), default="fast",
                        help="HelioX's own arithmetic, or the C library's: NEURON's bits")  # fmt: skip
    parser.add_argument("--threads", type=_whole, metavar="N")


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


# ---------------------------------------------------------------------- demo, run, compare


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.what == "learn":
        from heliox.learn.demo import run as learn

        learn(out=arguments.out, seed=arguments.seed, threads=arguments.threads, say=_say)
        return 0
    from heliox import demo

    result = demo.run(
        cells=arguments.cells, tstop=arguments.tstop, morphology=arguments.morphology, out=arguments.out,
        seed=arguments.seed, threads=arguments.threads, say=_say,
    )  # fmt: skip
    if not result.good:
        print("heliox: HelioX and NEURON differ; please report this", file=sys.stderr)
    return 0 if result.good else 1


def _mod2py(arguments: argparse.Namespace) -> None:
    from heliox.errors import MechanismError
    from heliox.nmodl.translate import python_text

    path = Path(arguments.file)
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as e:
        raise MechanismError(f"{path}: {e.strerror or e}", file=str(path)) from None
    print(python_text(text, str(path), [path.parent]), end="")


def _run(arguments: argparse.Namespace) -> None:
    from heliox.compare import seconds
    from heliox.frontend.file import load
    from heliox.simulation import Simulation

    model = load(arguments.model)
    _say(str(model))
    if arguments.tstop <= model.settings.t:
        raise ModelError(
            f"the model is frozen at t = {model.settings.t:g} ms; --tstop {arguments.tstop:g} is not later"
        )
    sim = Simulation(model, math=arguments.math, threads=arguments.threads, dt=arguments.dt)
    paths = arguments.record or _middles(model)
    recordings = [sim.record(path, every=arguments.every) for path in paths]
    began = time.perf_counter()
    sim.run_until(arguments.tstop)
    took = time.perf_counter() - began
    spikes = sim.spikes
    _say(
        f"ran to t = {sim.t:g} ms in {seconds(took)} (compiling or loading the code included): "
        f"{len(spikes)} spikes from {len(spikes.names)} sources"
    )
    for recording in recordings[:10]:
        values = recording.values
        _say(f"  {recording.names[0]}: {values.min():.6g} to {values.max():.6g} {recording.unit}")
    if len(recordings) > 10:
        _say(f"  ... {len(recordings)} recordings in all")
    if arguments.out:
        sim.save_results(arguments.out, tstop=arguments.tstop)
        _say(f"written: {arguments.out}")


def _middles(model: Model) -> list[str]:
    """The voltage in the middle of each cell's first section."""
    roots = [k for k, parent in enumerate(model.sections.parent.tolist()) if parent < 0]
    return [f"{model.sections.name[k]}(0.5).v" for k in roots]


def _compare(arguments: argparse.Namespace) -> int:
    from heliox.compare import compare, session

    kept = execute(arguments.script, arguments.rest)  # the model lives as long as the script's variables
    tstop = arguments.tstop or _default_tstop(session())
    if tstop is None:
        raise ModelError("say how long: --tstop ms (the script does not load stdrun.hoc, which has h.tstop)")
    result = compare(
        tstop, v_init=arguments.v_init, record=arguments.record, math=arguments.math,
        threads=arguments.threads,
    )  # fmt: skip
    _say(str(result))
    del kept
    return 0 if result.spikes_equal else 1


def execute(script: str, arguments: Sequence[str] = (), h: Any = None) -> dict[str, Any]:
    """Run a user's script as ``python script arguments`` does, and keep what it made.

    Parameters
    ----------
    script : str
        A Python file, or a hoc file.
    arguments : sequence of str
        Its ``sys.argv[1:]``.
    h : optional
        NEURON's ``h``, for hoc files; by default that of ``neuron``.

    Returns
    -------
    dict
        The script's variables: the model lives as long as they do.

    Raises
    ------
    ModelError
        If there is no such file, or the script ends with an error code.
    """
    path = Path(script)
    if not path.is_file():
        raise ModelError(f"there is no file {script!r}", file=script)
    if path.suffix == ".hoc":
        from heliox.compare import session

        (session() if h is None else h).load_file(1, str(path))
        return {}
    variables: dict[str, Any] = {"__name__": "__main__", "__file__": script}
    folder = str(path.resolve().parent)
    argv, sys.argv = sys.argv, [script, *arguments]
    sys.path.insert(0, folder)
    try:
        exec(compile(path.read_bytes(), script, "exec"), variables)
    except SystemExit as e:  # its variables are there all the same
        if e.code:
            raise ModelError(f"{script} ended with {e.code!r}", file=script) from None
    finally:
        sys.argv = argv
        sys.path.remove(folder)
    return variables


def _default_tstop(h: Any) -> float | None:
    """``h.tstop`` in ms where stdrun.hoc is loaded, else None."""
    try:
        return float(h.tstop)
    except (AttributeError, TypeError, RuntimeError, LookupError):
        return None


def _say(line: str) -> None:
    print(line, flush=True)


# ---------------------------------------------------------------------- info

PACKAGES = {  # what HelioX uses, and the line that brings it
    "numpy": "numpy", "numba": "numba>=0.67", "h5py": "h5py", "matplotlib": "matplotlib", "tqdm": "tqdm",
    "neuron": "neuron>=9.0.2",
}  # fmt: skip


def _info(arguments: argparse.Namespace) -> None:
    from heliox.kernels import device

    versions = {name: _version(name) for name in PACKAGES}
    rows = [("heliox", __version__), ("python", f"{platform.python_version()} on {platform.platform()}")]
    rows += [(name, version or "missing") for name, version in versions.items()]
    rows += [("processor", _processor()), ("threads", _threads(versions["numba"]))]
    rows += [("GPU", line) for line in device.describe()]
    rows.append(("cache", _cache(versions["numba"])))
    for name, value in rows:
        _say(f"{name:<11} {value}")
    for line in _missing(versions):
        _say(line)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _missing(versions: dict[str, str]) -> list[str]:
    """What is not installed, with the line that gets it; what the GPU misses stands beside the GPU."""
    lines = []
    for name, version in versions.items():
        if version:
            continue
        if name == "neuron" and sys.platform == "win32":
            lines.append(
                "NEURON has no wheels for Windows: everything but the freeze of a live session works"
            )
            continue
        lines.append(f'missing: {name}; get it with: python -m pip install "{PACKAGES[name]}"')
    return lines or ["nothing is missing"]


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
        return next(line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _threads(numba: str) -> str:
    if not numba:
        return str(os.cpu_count())
    from heliox.kernels import threads

    return f"{threads.available()} (set NUMBA_NUM_THREADS for fewer)"


def _cache(numba: str) -> str:
    if not numba:
        return "needs numba"
    from heliox.kernels import cache

    folder = cache.folder()
    files = list(folder.glob("heliox_*.py")) if folder.is_dir() else []
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if files else 0
    return f"{folder} ({len(files)} models' code, {size / 1e6:.1f} MB; set HELIOX_CACHE for another place)"


if __name__ == "__main__":
    sys.exit(main())
