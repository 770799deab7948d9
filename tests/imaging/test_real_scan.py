"""A real whole-brain scan: its volume, its numbers, and that its tracts run where anatomy says."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fibertwin.imaging import TensorImage, brain_mask, fit_tensors, orientation_check, tensor_quality


def _load_tracts() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "_tracts.py"
    spec = importlib.util.spec_from_file_location("benchmarks_tracts", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tracts = _load_tracts()
FOLDER = os.environ.get("FIBERTWIN_DEMO_DATA") or tracts.fetched_scan()

pytestmark = [
    pytest.mark.demo,
    pytest.mark.skipif(FOLDER is None, reason="the demo has not fetched its scan, and FIBERTWIN_DEMO_DATA names none"),
]


@pytest.fixture(scope="module")
def brain() -> TensorImage:
    files = tracts.scan_files(Path(FOLDER))
    return fit_tensors(*files, mask=brain_mask(*files[:2]))


def test_numbers_of_the_brain(brain: TensorImage) -> None:
    quality = tensor_quality(brain)
    assert 1.45e6 < quality.mask_volume < 1.60e6
    assert 0.75e-3 < quality.median_md < 0.83e-3
    assert 0.22 < quality.mean_fa < 0.28
    assert quality.repaired_voxels + quality.lost_voxels < 0.01 * quality.valid_voxels


@pytest.mark.parametrize("tract", tracts.TRACTS, ids=lambda tract: tract.name)
def test_tracts_run_where_anatomy_says(brain: TensorImage, tract: object) -> None:
    found = tracts.direction(brain, tract)
    assert found.voxels > 25
    assert np.argmax(found.axis) == tract.axis  # type: ignore[attr-defined]
    assert found.part > 0.85


def test_the_orientation_is_best_as_given_by_far(brain: TensorImage) -> None:
    report = orientation_check(brain)
    assert report.good
    assert sorted(report.scores.values())[-2] < 0.8 * report.coherence
