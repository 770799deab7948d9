from pathlib import Path

import pytest

from fibertwin.case import TensorVolume


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"reorientation": "principal-direction"}, "without transform"),
        ({"transform_to": Path("t1.nii")}, "without transform"),
        ({"transform": Path("flirt.mat"), "transform_to": Path("t1.nii")}, "both images"),
    ],
)
def test_keys_that_would_be_ignored_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TensorVolume(tensor=Path("tensors.nii"), **keys)
