"""Fibers by rule beside those that came with a biventricular mesh: angles through the wall, and streamlines.

python examples/heart/compare.py [-o FOLDER]
"""

import argparse
from pathlib import Path

import fibertwin.stack  # noqa: F401

# the stack comes first
from hearts import biventricular, supplied_fibers  # isort: skip
from mpi4py import MPI

from fibertwin.meshes import LaplaceDirichlet
from fibertwin.meshes.heart import HeartSurfaces, angle_maps, angular_difference, heart_coordinates, name_heart
from fibertwin.meshes.heart.pictures import draw_comparison
from fibertwin.meshes.streamlines import draw_streamlines, gathered, trace, write_streamlines

DEGREE = 2
LV, RV = "lv-endocardium", "rv-endocardium"


def main(out: Path) -> None:
    """Write the pictures and the lines."""
    out.mkdir(parents=True, exist_ok=True)
    heart = name_heart(biventricular(MPI.COMM_SELF))
    print(heart.notes[-1])
    fields = {
        "supplied": supplied_fibers(heart.mesh, DEGREE),
        "ours": LaplaceDirichlet(lv=LV, rv=RV).fibers(heart, DEGREE),
        "ours, as published": LaplaceDirichlet(lv=LV, rv=RV, depth="laplace", blending="published").fibers(
            heart, DEGREE
        ),
    }
    where = heart_coordinates(heart, DEGREE, HeartSurfaces(LV, RV), depth="distance")
    left = where.rightness < 0.02
    helix = {name: angle_maps(field, where.wall).helix[left] for name, field in fields.items()}
    others = {name: angular_difference(fields[name], fields["supplied"]) for name in list(fields)[1:]}
    draw_comparison(out / "heart-angles.png", helix, where.depth[left], others, title="left ventricle's free wall")
    for name, off in others.items():
        print(f"{name}: {off.sentence}")
    cloud = gathered(fields["ours"])
    assert cloud is not None
    lines = trace(cloud, 1500, longest=60.0)
    write_streamlines(lines, out / "heart-lines.vtp")
    draw_streamlines(lines, out / "heart-lines.png", view=(0.5, -2.0, -0.6))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/heart"), help="folder for pictures and lines")
    main(parser.parse_args().output)
