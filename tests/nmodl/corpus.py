"""How much of a folder of mod files is parsed and translated: ``python tests/nmodl/corpus.py FOLDER
[--list]``.

Prints counts and, by construct, what was refused. Not collected by pytest; the files themselves are not part
of HelioX.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import re
import time
from pathlib import Path

from heliox.errors import MechanismError
from heliox.nmodl import python_text, translate
from heliox.nmodl.parser import parse
from heliox.nmodl.source import Source

_QUOTED = re.compile(r"'[^']*'|\([^()]*\)|\d+")


def construct(message: str) -> str:
    """The message without the names in it."""
    text = message.split("\n")[0].split(": ", 1)[-1]
    return _QUOTED.sub("..", text)[:90]


def main() -> None:
    """Go through a folder."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--list", action="store_true", help="name every refused file")
    options = arguments.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    refused: collections.Counter[str] = collections.Counter()
    seen: set[str] = set()
    slowest = (0.0, "")
    for file in sorted(options.folder.rglob("*.mod")):
        text = file.read_text(encoding="utf-8", errors="replace")
        key = hashlib.sha256(text.encode()).hexdigest()
        if key in seen:
            continue
        seen.add(key)
        counts["different files"] += 1
        start = time.perf_counter()
        try:
            parse(Source(text, str(file), [file.parent]))
            counts["parsed"] += 1
            translate(text, str(file), [file.parent])
            counts["translated"] += 1
            compile(python_text(text, str(file), [file.parent]), str(file), "exec")
            counts["written as Python"] += 1
        except MechanismError as e:
            refused[construct(str(e))] += 1
            if options.list:
                print(str(e).replace("\n", " | "))
        slowest = max(slowest, (time.perf_counter() - start, str(file)))
    for name, n in counts.items():
        print(f"{n:6d} {name}")
    print(f"slowest: {slowest[0]:.2f} s, {slowest[1]}")
    for what, n in refused.most_common():
        print(f"{n:6d} {what}")


if __name__ == "__main__":
    main()
