"""DICOM segmentations: frames in any order become labels in their place, with names."""

from pathlib import Path

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import read_labels

pydicom = pytest.importorskip("pydicom")

TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]])
ORIGIN = np.array([-10.0, 20.0, 5.0])
STEP = 2.5


def phantom() -> np.ndarray:
    labels = np.zeros((6, 5, 4), np.int32)
    labels[1:3, 1:4, 0:2] = 1
    labels[3:5, 1:4, 1:4] = 2
    return labels


def group(**values):
    data = pydicom.Dataset()
    for name, value in values.items():
        setattr(data, name, value)
    return data


def write(path: Path, frames: list[tuple[int, int]], kind: str = "BINARY") -> Path:
    """A segmentation with a frame for each (slice, segment), along axes turned in the transverse plane."""
    from pydicom.pixels import pack_bits

    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.3.4", "SEG"
    data.SegmentationType = kind
    data.Rows, data.Columns, data.NumberOfFrames = 5, 6, len(frames)
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 1, 1, 0
    data.SegmentSequence = [group(SegmentNumber=1, SegmentLabel="Liver"), group(SegmentNumber=2, SegmentLabel="Tumor")]
    measures = group(PixelSpacing=[2.0, 1.0], SliceThickness=9.0, SpacingBetweenSlices=STEP)
    plane = group(ImageOrientationPatient=TURN[:, :2].T.ravel().tolist())
    data.SharedFunctionalGroupsSequence = [group(PixelMeasuresSequence=[measures], PlaneOrientationSequence=[plane])]
    data.PerFrameFunctionalGroupsSequence = [
        group(
            PlanePositionSequence=[group(ImagePositionPatient=(ORIGIN + TURN[:, 2] * STEP * k).tolist())],
            SegmentIdentificationSequence=[group(ReferencedSegmentNumber=segment)],
        )
        for k, segment in frames
    ]
    bits = np.stack([segment == phantom()[:, :, k].T for k, segment in frames]).astype(np.uint8)
    data.PixelData = pack_bits(bits)
    data.save_as(path, enforce_file_format=True)
    return path


def test_frames_in_any_order_become_labels_in_their_place(tmp_path):
    found = read_labels(write(tmp_path / "seg.dcm", [(3, 2), (1, 2), (0, 1), (2, 2), (1, 1)]))
    assert np.array_equal(found.labels, phantom())
    affine = np.eye(4)
    affine[:3, :3] = TURN * (1.0, 2.0, STEP)
    affine[:3, 3] = ORIGIN
    assert found.affine == pytest.approx(np.diag([-1, -1, 1, 1]) @ affine, abs=1e-6)
    assert found.names == {"Liver": (1,), "Tumor": (2,)}
    assert found.mask(["tumor"]).volume == pytest.approx(2 * 3 * 3 * 1 * 2 * STEP)


def test_fractional_ones_are_refused(tmp_path):
    with pytest.raises(InputError, match="fractional"):
        read_labels(write(tmp_path / "seg.dcm", [(0, 1)], "FRACTIONAL"))
