"""Exact gradients of runs, and fits: losses, trained parameters, oracles, optimisers.

from heliox import learn

loss = learn.mse("v", target, where="soma(0.5)")
g = learn.gradient(sim, loss, ["hh.gnabar", "hh.gkbar"], 20.0)
g.value, g.gradient["hh.gnabar"]
"""

from heliox.engine.adjoint import Surrogate
from heliox.learn.crossings import spike_count
from heliox.learn.differences import FiniteDifference
from heliox.learn.fit import Fit, minimise
from heliox.learn.losses import Loss, Read, Traces, custom, mse
from heliox.learn.optimisers import Adam
from heliox.learn.parameter import Parameter
from heliox.learn.problem import Problem, gradient, jvp
from heliox.learn.result import Gradient, GradientPlan
from heliox.learn.statistics import reduced, window_mean, window_std
from heliox.learn.warping import soft_dtw

__all__ = [
    "Adam",
    "FiniteDifference",
    "Fit",
    "Gradient",
    "GradientPlan",
    "Loss",
    "Parameter",
    "Problem",
    "Read",
    "Surrogate",
    "Traces",
    "custom",
    "gradient",
    "jvp",
    "minimise",
    "mse",
    "reduced",
    "soft_dtw",
    "spike_count",
    "window_mean",
    "window_std",
]
