"""How Numba compiles what only compiled functions call: to LLVM's intermediate code and no further.

Numba optimises each function together with all that it calls, makes machine code of it, and does so anew in
each caller. Only entries need that: everything below is linked into them first. It compiles a function once
more for each integer constant that is passed to it; here once for all integers. A third of all compilation is
saved so, and machine code runs as fast.

Compiler and dispatcher are classes that Numba lets one derive from; the library overrides internals of
``numba.core.codegen``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.registry import CPUDispatcher
from numba.core.types import unliteral

WIDE = '"prefer-vector-width"="512"'


class _Codegen:
    """Numba's code generator for code that touches no Python object and so has no environment."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """There is no machine code that could read it."""


class LinkedLibrary(JITCodeLibrary):
    """Code that is only ever linked into other code."""

    @property
    def codegen(self) -> Any:
        return _Codegen(self._codegen)

    def add_ir_module(self, ir_module: Any) -> None:
        """With the widest vectors: LLVM avoids them on Intel's processors, where loops here gain a sixth."""
        for function in ir_module.functions:
            if not function.is_declaration:
                set.add(function.attributes, WIDE)  # llvmlite's own `add` knows no attributes with values
        super().add_ir_module(ir_module)

    def _optimize_final_module(self) -> None:
        """Left to the entry."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0


class LinkedCompiler(CompilerBase):
    """Numba's own pipeline, its code kept in a `LinkedLibrary`."""

    def define_pipelines(self) -> list[Any]:
        state = self.state
        state.library = LinkedLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        return [DefaultPassBuilder.define_nopython_pipeline(state)]


class LinkedDispatcher(CPUDispatcher):
    """A function that compiled functions call; Python cannot."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self.py_func.__name__} is compiled for other compiled functions to call")

    def get_call_template(self, args: Any, kws: Any) -> Any:
        return super().get_call_template(
            tuple(unliteral(a) for a in args), {n: unliteral(a) for n, a in dict(kws).items()}
        )


def linked(**options: Any) -> Callable[[Callable[..., Any]], LinkedDispatcher]:
    """Decorator: `options` as those of ``numba.njit``."""

    def decorate(function: Callable[..., Any]) -> LinkedDispatcher:
        wrapped = {"nopython": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, **options}
        return LinkedDispatcher(function, targetoptions=wrapped, pipeline_class=LinkedCompiler)

    return decorate
