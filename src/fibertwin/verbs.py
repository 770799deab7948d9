"""The verbs of the command line that have a module of their own, in the order in which help lists them."""

from typing import Any

from fibertwin import (
    calibrate_verb,
    cohort,
    convergence_verb,
    convert,
    geometry,
    law,
    mesh_quality,
    register,
    serve,
    submit,
    sweep_verb,
    ultrasound,
    update_verb,
    warm,
)


def add_families(verbs: Any) -> None:
    """Put every such verb among the others."""
    for family in (
        law,
        convert,
        mesh_quality,
        convergence_verb,
        register,
        ultrasound,
        sweep_verb,
        cohort,
        serve,
        geometry,
        warm,
        submit,
        calibrate_verb,
        update_verb,
    ):
        family.add_to(verbs)
