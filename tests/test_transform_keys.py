from pathlib import Path

import pytest

from fibertwin.case import TensorVolume
from fibertwin.errors import InputError
from fibertwin.stages import transform


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


def test_a_wrong_transform_is_told_by_its_stage(tmp_path: Path) -> None:
    path = tmp_path / "flirt.mat"
    path.write_text("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    with pytest.raises(InputError, match="FSL matrix"):
        transform(TensorVolume(tensor=Path("tensors.nii"), transform=path))
    assert transform(TensorVolume(tensor=Path("tensors.nii"))) is None
