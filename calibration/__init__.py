"""From what was observed to what the tissue must be: models, priors, posteriors. numpy and scipy only."""

from .archive import load, save
from .bench import BenchTests, discrepant
from .change import Fading, Still, Walking
from .comparison import Account, compare
from .counted import Cost, Counted, Failure, Journal
from .decisions import Constraint, Experiment, each, virtual_experiment
from .emulator import Chart, Emulator
from .ensemble import ensemble_filtered
from .escalation import Method, calibrate
from .filters import Belief, StateModel, filtered, looked_back
from .identify import Candidate, Identifiability, Lesson, identifiability, lessons
from .laplace import Laplace
from .mixed_noise import Blocks
from .model import Formula, ForwardModel
from .noise import Correlated, Gaussian, Noise, Poisson, StudentT, UnknownScale
from .ode import Dose, Ode
from .optimum import Modes, search
from .posterior import Certificate, Posterior
from .predictors import Equation, Formulas, Outputs
from .priors import Empirical, LogNormal, Normal, Prior, Refined, TruncatedNormal, Uniform
from .profiles import Profile, profile
from .readings import Batch, Reading, Source, read_batch
from .space import Parameter, Space
from .surprise import Surprise
from .target import Local, Measurement, Target
from .twin import Twin, Update

__all__ = [
    "Account",
    "Batch",
    "Belief",
    "BenchTests",
    "Blocks",
    "calibrate",
    "Candidate",
    "Certificate",
    "Chart",
    "compare",
    "Constraint",
    "Correlated",
    "Cost",
    "Counted",
    "discrepant",
    "Dose",
    "each",
    "Empirical",
    "Emulator",
    "ensemble_filtered",
    "Equation",
    "Experiment",
    "Fading",
    "Failure",
    "filtered",
    "Formula",
    "Formulas",
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
    "looked_back",
    "Measurement",
    "Method",
    "Modes",
    "Noise",
    "Normal",
    "Ode",
    "Outputs",
    "Parameter",
    "Poisson",
    "Posterior",
    "Prior",
    "Profile",
    "profile",
    "read_batch",
    "Reading",
    "Refined",
    "save",
    "search",
    "Source",
    "Space",
    "StateModel",
    "Still",
    "StudentT",
    "Surprise",
    "Target",
    "TruncatedNormal",
    "Twin",
    "Uniform",
    "UnknownScale",
    "Update",
    "virtual_experiment",
    "Walking",
]
