"""How much of a folder of mod files is parsed and translated: ``python -m tests.nmodl.corpus FOLDER [--list]``.

Prints counts and, by construct, what was refused. Not collected by pytest; the files themselves are not part
of HelioX.
"""

from __future__ import annotations

import argparse
import collections
import re
import time
from pathlib import Path

from heliox.errors import MechanismError
from heliox.nmodl import python_text, translate
from heliox.nmodl.parser import parse
from heliox.nmodl.source import Source
from heliox.nmodl.verbatim import trivial
from tests.nmodl.build import different_files

_QUOTED = re.compile(r"'[^']*'|\([^()]*\)|/\S+|\d+")


def construct(message: str) -> str:
    """The message without the names in it."""
    text = message.split("\n")[0].split(": ", 1)[-1]
    return _QUOTED.sub("..", text)[:90]


def computes(text: str) -> bool:
    """Whether a file has C code that does more than declare, include, print or return."""
    blocks = re.findall(r"\bVERBATIM\b(.*?)\bENDVERBATIM\b", text, re.S)
    return any(not trivial(re.sub(r"\breturn\b[^;]*;", " ", b)) for b in blocks)


def main() -> None:
    """Go through a folder."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--list", action="store_true", help="name every refused file")
    options = arguments.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    refused: collections.Counter[str] = collections.Counter()
    slowest = (0.0, "")
    for file in different_files(options.folder):
        text = file.read_text(encoding="utf-8", errors="replace")
        counts["different files"] += 1
        start = time.perf_counter()
        kind = "with C code that computes" if computes(text) else "without"
        try:
            parse(Source(text, str(file), [file.parent]))
            counts["parsed"] += 1
            translate(text, str(file), [file.parent])
            compile(python_text(text, str(file), [file.parent]), str(file), "exec")
            counts[f"mechanisms {kind}"] += 1
            counts[f"translated {kind}"] += 1
        except MechanismError as e:
            if e.fields.get("functions_only"):
                counts["functions for hoc only"] += 1
                continue
            counts[f"mechanisms {kind}"] += 1
            refused[construct(str(e))] += 1
            if options.list:
                print(str(e).replace("\n", " | "))
        slowest = max(slowest, (time.perf_counter() - start, str(file)))
    for name, n in counts.items():
        print(f"{n:6d} {name}")
    for kind in ("with C code that computes", "without"):
        if counts[f"mechanisms {kind}"]:
            print(f"{counts[f'translated {kind}'] / counts[f'mechanisms {kind}']:6.1%} translated {kind}")
    print(f"slowest: {slowest[0]:.2f} s, {slowest[1]}")
    for what, n in refused.most_common():
        print(f"{n:6d} {what}")


if __name__ == "__main__":
    main()
