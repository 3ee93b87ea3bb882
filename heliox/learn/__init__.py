"""Learning: exact gradients of runs, fits, and networks of layers that rules train.

from heliox import learn

loss = learn.mse("v", target, where="soma(0.5)")
g = learn.gradient(sim, loss, ["hh.gnabar", "hh.gkbar"], 20.0)
g.value, g.gradient["hh.gnabar"]
"""

from heliox.engine.adjoint import Surrogate
from heliox.learn.classification import CorrelationDistance, ReadoutLoss, SoftmaxCrossEntropy, SquaredError
from heliox.learn.codes import CurrentCode, GradedCode, RateCode
from heliox.learn.correlation import correlation
from heliox.learn.crossings import spike_count
from heliox.learn.dataset import Dataset, load_digits
from heliox.learn.differences import FiniteDifference
from heliox.learn.exact import Adjoint
from heliox.learn.fit import Fit, minimise
from heliox.learn.history import History
from heliox.learn.layers import Dense, Encoder, Graded, Spiking, compartment
from heliox.learn.losses import Loss, Read, Traces, custom, mse
from heliox.learn.mnist import load_mnist
from heliox.learn.network import Network
from heliox.learn.optimisers import SGD, Adam
from heliox.learn.parameter import Parameter
from heliox.learn.problem import Problem, gradient, jvp
from heliox.learn.reduced import ReducedSequential, reduce
from heliox.learn.reduction import Reduced
from heliox.learn.resistance import resistances
from heliox.learn.result import Gradient, GradientPlan
from heliox.learn.schedules import Constant, Cosine, Linear
from heliox.learn.sequential import Sequential
from heliox.learn.statistics import reduced, window_mean, window_std
from heliox.learn.trainer import Evaluation, Trainer
from heliox.learn.transfer import TransferResistance
from heliox.learn.warping import soft_dtw

__all__ = [
    "SGD",
    "Adam",
    "Adjoint",
    "Constant",
    "CorrelationDistance",
    "Cosine",
    "CurrentCode",
    "Dataset",
    "Dense",
    "Encoder",
    "Evaluation",
    "FiniteDifference",
    "Fit",
    "Graded",
    "GradedCode",
    "Gradient",
    "GradientPlan",
    "History",
    "Linear",
    "Loss",
    "Network",
    "Parameter",
    "Problem",
    "RateCode",
    "Read",
    "ReadoutLoss",
    "Reduced",
    "ReducedSequential",
    "Sequential",
    "SoftmaxCrossEntropy",
    "Spiking",
    "SquaredError",
    "Surrogate",
    "Traces",
    "Trainer",
    "TransferResistance",
    "compartment",
    "correlation",
    "custom",
    "gradient",
    "jvp",
    "load_digits",
    "load_mnist",
    "minimise",
    "mse",
    "reduce",
    "reduced",
    "resistances",
    "soft_dtw",
    "spike_count",
    "window_mean",
    "window_std",
]
