"""Draw the loops of pressure and volume, and the pressures over time, of a run whose cavity is joined to a circuit."""

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure

from fibertwin.units import Unit

MMHG = Unit("kPa").parse("1 mmHg")


def main() -> None:
    """Read the folder of a run, write a picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder of the run")
    parser.add_argument("picture", type=Path, help="picture to write")
    parser.add_argument("--cavity", default="ventricle", help="name of the cavity's load")
    asked = parser.parse_args()
    summary = json.loads((asked.out / "summary.json").read_text(encoding="utf-8"))
    end = Unit("s").parse(summary["provenance"]["case"]["solve"]["stepping"]["end"])
    times = [end * step["load"] for step in summary["steps"]]
    states = [step["cavities"][asked.cavity] for step in summary["steps"]]
    inside, aortic = ([state[name] / MMHG for state in states] for name in ("pressure_kPa", "aortic_kPa"))
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    loop, course = figure.subplots(1, 2, width_ratios=(1, 1.4))
    for axes in (loop, course):
        axes.spines[["top", "right"]].set_visible(False)
    loop.plot([state["volume_mL"] for state in states], inside, ".-", color="#a3352c", lw=1, ms=3)
    loop.set(xlabel="volume (mL)", ylabel="pressure (mmHg)", xlim=(0, None), ylim=(0, None))
    course.plot(times, aortic, color="#2f5d8c", label="behind the outflow valve")
    course.plot(times, inside, color="#a3352c", label="in the ventricle")
    course.set(xlabel="time (s)", xlim=(0, end), ylim=(0, None))
    course.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.savefig(asked.picture, dpi=130)


if __name__ == "__main__":
    main()
