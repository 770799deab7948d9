"""From what was observed to what the tissue must be: models, priors, posteriors. numpy and scipy only."""

from .model import Formula, ForwardModel
from .noise import Correlated, Gaussian, Noise, Poisson, StudentT, UnknownScale
from .priors import Empirical, LogNormal, Normal, Prior, TruncatedNormal, Uniform
from .space import Parameter, Space
from .target import Local, Measurement, Target

__all__ = [
    "Correlated",
    "Empirical",
    "ForwardModel",
    "Formula",
    "Gaussian",
    "Local",
    "LogNormal",
    "Measurement",
    "Noise",
    "Normal",
    "Parameter",
    "Poisson",
    "Prior",
    "Space",
    "StudentT",
    "Target",
    "TruncatedNormal",
    "Uniform",
    "UnknownScale",
]
