"""From what was observed to what the tissue must be: models, priors, posteriors. numpy and scipy only."""

from .archive import load, save
from .bench import BenchTests, discrepant
from .comparison import Account, compare
from .counted import Cost, Counted, Failure, Journal
from .emulator import Chart, Emulator
from .escalation import Method, calibrate
from .identify import Candidate, Identifiability, Lesson, identifiability, lessons
from .laplace import Laplace
from .model import Formula, ForwardModel
from .noise import Correlated, Gaussian, Noise, Poisson, StudentT, UnknownScale
from .ode import Dose, Ode
from .optimum import Modes, search
from .posterior import Certificate, Posterior
from .priors import Empirical, LogNormal, Normal, Prior, Refined, TruncatedNormal, Uniform
from .profiles import Profile, profile
from .space import Parameter, Space
from .target import Local, Measurement, Target

__all__ = [
    "Account",
    "BenchTests",
    "calibrate",
    "Candidate",
    "Certificate",
    "Chart",
    "compare",
    "Correlated",
    "Cost",
    "Counted",
    "discrepant",
    "Dose",
    "Empirical",
    "Emulator",
    "Failure",
    "Formula",
    "ForwardModel",
    "Gaussian",
    "Identifiability",
    "identifiability",
    "Journal",
    "Laplace",
    "Lesson",
    "lessons",
    "load",
    "Local",
    "LogNormal",
    "Measurement",
    "Method",
    "Modes",
    "Noise",
    "Normal",
    "Ode",
    "Parameter",
    "Poisson",
    "Posterior",
    "Prior",
    "Profile",
    "profile",
    "Refined",
    "save",
    "search",
    "Space",
    "StudentT",
    "Target",
    "TruncatedNormal",
    "Uniform",
    "UnknownScale",
]
