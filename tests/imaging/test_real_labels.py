"""A real brain's labels, oblique and stored right to left: volumes and sides are those of anatomy."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from fibertwin.imaging import clean_labels, read_labels

FILE = Path(__file__).parent.parent / "data" / "brain_labels" / "labels_4mm.nii.gz"


@pytest.mark.parametrize(
    ("name", "milliliters"),
    [
        ("white matter", (400, 560)),
        ("cortex", (430, 620)),
        ("cerebellum", (110, 175)),
        ("thalamus", (12, 19)),
        ("ventricles", (8, 50)),
        ("brain stem", (18, 30)),
        ("csf", (200, 450)),
    ],
)
def test_volumes_are_those_of_adults(name, milliliters):
    low, high = milliliters
    assert low < read_labels(FILE).mask([name]).volume / 1000 < high


def test_left_is_left_front_is_front_and_up_is_up():
    image = read_labels(FILE)
    for part in ("cerebral white matter", "thalamus", "hippocampus", "cerebellum cortex"):
        left, right = (image.mask([f"{side} {part}"]).centroid for side in ("left", "right"))
        assert right[0] - left[0] > 10
        assert np.abs(right - left)[1:].max() < 0.4 * (right[0] - left[0])
    center, cerebellum = image.mask(["white matter"]).centroid, image.mask(["cerebellum"]).centroid
    assert cerebellum[1] < center[1] - 20
    assert cerebellum[2] < center[2] - 20


def test_cleaning_leaves_each_label_in_one_piece():
    """Pieces that a label loses hang on their new label by faces, so that none is scattered anew."""
    image = read_labels(FILE)
    scattered = sum(ndimage.label(image.labels == n)[1] > 1 for n in image.present)
    assert scattered > 5
    cleaned = clean_labels(image)
    assert cleaned.present == image.present
    assert all(ndimage.label(cleaned.labels == n)[1] == 1 for n in cleaned.present)
    assert (cleaned.labels != image.labels).sum() < 0.1 * (image.labels != 0).sum()
