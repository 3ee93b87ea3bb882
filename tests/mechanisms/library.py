"""All mechanisms of the library in one program."""

from heliox.engine.constant import steady
from heliox.kernels.program import Program
from heliox.mechanisms import catalogue
from heliox.mechanisms.fast import without_tables
from heliox.mechanisms.varstruct import layout

VALENCE = {"na": 1.0, "k": 1.0, "ca": 2.0}


def programs() -> tuple[Program, Program]:
    """The library in one program, with the ions that it uses; what has tables once more, computing them."""
    own = {*catalogue.LIBRARY, *(f"{f}.{n}" for f, members in catalogue.FAMILIES.items() for n in members)}
    templates = {t.name: t for t in map(catalogue.get, sorted(own))}  # not what other tests have registered
    ions = sorted({ion for t in templates.values() for ion in t.ions})
    pools = [catalogue.get(f"{ion}_ion", VALENCE[ion]) for ion in ions]
    computing = [without_tables(t) for t in templates.values() if t.tables]
    first, second = (tuple(map(layout, (*pools, *these))) for these in (templates.values(), computing))
    return (
        Program(first, begun=True, steady=steady(first, {})),
        Program(second, begun=True, steady=steady(second, {})),
    )
