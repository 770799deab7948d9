"""Probes: where their beams begin, which way they go, and which beam a point of the picture lies on."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

Array = NDArray[np.float64]

STEEPEST = 85.0
"""Degrees that a beam may be steered off the axis."""


@dataclass(frozen=True, eq=False)
class Linear:
    """Parallel beams from a flat face.

    In the probe's own frame x is lateral, y elevation, z depth; the face is the plane z = 0.

    Attributes:
        pose: (4, 4) rigid, from the probe's frame to RAS+ mm.
        steering: angle of all beams off z towards x, degrees.
    """

    pose: Array = field(default_factory=lambda: np.eye(4))
    steering: float = 0.0

    def __post_init__(self) -> None:
        _check_pose(self.pose)
        if not abs(self.steering) <= STEEPEST:
            raise InputError(Problem("steering", "is too steep", f"{self.steering} degrees", f"+-{STEEPEST:g}"))

    def beams(self, points: Array) -> tuple[Array, Array]:
        """Beam parameters (n, 2): x and y on the face in mm, and ranges (n,) in mm, of points (n, 3)."""
        _, direction = self.rays(np.zeros((1, 2)))
        along = points[:, 2] / direction[0, 2]
        return points[:, :2] - along[:, None] * direction[:, :2], along

    def rays(self, beams: Array) -> tuple[Array, Array]:
        """Origins and unit directions, (n, 3) each, of beams (n, 2)."""
        angle = np.radians(self.steering)
        direction = np.array([np.sin(angle), 0.0, np.cos(angle)])
        origins = np.column_stack([beams, np.zeros(len(beams))])
        return origins, np.broadcast_to(direction, origins.shape)


@dataclass(frozen=True, eq=False)
class Sector:
    """Beams that fan out from a virtual apex: a phased array (radius 0) or a curvilinear one.

    In the probe's own frame x is lateral, y elevation, z depth; z = 0 touches the face at its middle, so that the
    apex lies at z = -radius. Ranges count from the face.

    Attributes:
        radius: of the face, mm.
        pose: (4, 4) rigid, from the probe's frame to RAS+ mm.
        volume: whether beams fan out in elevation too, as a matrix array's do; else planes lie side by side along y.
    """

    radius: float = 0.0
    pose: Array = field(default_factory=lambda: np.eye(4))
    volume: bool = False

    def __post_init__(self) -> None:
        _check_pose(self.pose)
        if not (np.isfinite(self.radius) and self.radius >= 0):
            raise InputError(Problem("radius", "is no radius of a probe's face", str(self.radius), "0 mm or more"))

    def beams(self, points: Array) -> tuple[Array, Array]:
        """Beam parameters (n, 2): slope x/z, then slope y/z or y in mm, and ranges (n,) in mm, of points (n, 3)."""
        height = points[:, 2] + self.radius
        sideways = np.linalg.norm(points[:, :2] if self.volume else points[:, :1], axis=1)
        apex = (np.abs(height) <= 1e-12) & (sideways <= 1e-12)  # on every beam: the middle one stands for them
        height = np.where(apex, 1e-300, np.where(height > 0, height, np.nan))
        slope = np.where(apex, 0.0, points[:, 0] / height)
        if self.volume:
            across = np.where(apex, 0.0, points[:, 1] / height)
            lengths = height * np.sqrt(1 + slope**2 + across**2)
        else:
            across = points[:, 1]
            lengths = height * np.sqrt(1 + slope**2)
        return np.column_stack([slope, across]), lengths - self.radius

    def rays(self, beams: Array) -> tuple[Array, Array]:
        """Origins and unit directions, (n, 3) each, of beams (n, 2)."""
        nothing = np.zeros(len(beams))
        across = beams[:, 1] if self.volume else nothing
        directions = np.column_stack([beams[:, 0], across, np.ones(len(beams))])
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        apex = np.column_stack([nothing, nothing if self.volume else beams[:, 1], nothing - self.radius])
        return apex + self.radius * directions, directions


Probe = Linear | Sector


def _check_pose(pose: Array) -> None:
    turn = pose[:3, :3] if pose.shape == (4, 4) else np.zeros((3, 3))
    rigid = np.allclose(turn @ turn.T, np.eye(3), atol=1e-6) and np.linalg.det(turn) > 0
    if not (rigid and np.all(np.isfinite(pose)) and np.allclose(pose[3], (0, 0, 0, 1))):
        wanted = "a rotation and a shift, 4 x 4, from the probe's frame to RAS+ mm"
        raise InputError(Problem("pose", "is not rigid", str(pose.tolist()), wanted))
