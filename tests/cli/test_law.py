"""The verb law: what it lists, prints, draws and refuses."""

import json
import subprocess
import sys

import numpy as np
import pytest

from fibertwin.cli import main

OWN_LAW = '''
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from fibertwin.constitutive import StrainEnergy
from fibertwin.units import Unit


@dataclass(frozen=True)
class Gent(StrainEnergy):
    """psi = −mu j/2 ln(1 − (I1 − 3)/j).

    Gent 1996, Rubber Chem. Technol. 69:59 (doi 10.5254/1.3538357).

    Attributes:
        mu: shear modulus.
        j: limit of I1 − 3.
    """

    mu: Annotated[float, Unit("kPa"), Gt(0)]
    j: Annotated[float, Unit(""), Gt(0)]

    def psi(self, kinematics):
        import ufl

        return -self.mu * self.j / 2 * ufl.ln(1 - (kinematics.I1_isochoric - 3) / self.j)
'''


def told(capsys, *arguments):
    """The exit code and what was printed."""
    code = main(["law", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_everything_is_listed(capsys):
    code, out, _ = told(capsys)
    assert code == 0
    for name in ("neo-hookean", "holzapfel-ogden", "myocardium-shear", "treloar", "budday-cortex"):
        assert name in out
    listed = json.loads(told(capsys, "--json")[1])
    assert "ogden" in listed["laws"]
    assert "tendon" in listed["materials"]
    assert "kawabata" in listed["data"]


def test_a_law_is_described(capsys):
    code, out, _ = told(capsys, "mooney-rivlin")
    assert code == 0
    assert "Mooney 1940" in out
    assert 'fibertwin law mooney-rivlin --set c1="2.3 kPa" --set c2="2.3 kPa"' in out


def test_curves_of_a_law(capsys):
    code, out, _ = told(capsys, "neo-hookean", "--set", 'mu="3 kPa"', "--json")
    assert code == 0
    study = json.loads(out)
    assert study["parameters"] == {"mu": "3 kPa"}
    assert "Treloar 1943" in study["source"]
    curve = study["curves"]["uniaxial"]
    stretch = np.array(curve["amount"])
    np.testing.assert_allclose(curve["nominal_stress_kPa"], 3 * (stretch - stretch**-2), atol=1e-12)
    assert set(study["curves"]) == {"uniaxial", "equibiaxial", "planar tension", "simple shear"}


def test_units_are_read(capsys):
    _, out, _ = told(capsys, "neo-hookean", "--set", "mu=3000 Pa", "--set", "bulk_modulus=1 MPa", "--json")
    study = json.loads(out)
    assert study["parameters"] == {"mu": "3 kPa", "bulk_modulus": "1000 kPa"}
    volume = study["curves"]["volumetric"]
    np.testing.assert_allclose(volume["cauchy_stress_kPa"], 1000 * (np.array(volume["amount"]) - 1), atol=1e-9)


def test_text_tells_parameters_and_stresses(capsys):
    code, out, _ = told(capsys, "myocardium-shear", "--check")
    assert code == 0
    assert "a_f = 18.472 kPa" in out
    assert "rsta.2009.0091" in out
    assert "1.1000" in out
    assert "19.0543" in out  # the printed table at 1.1 along the fiber, Cauchy
    assert out.count("  holds  ") == 7
    assert "  note   strong ellipticity" in out


def test_a_published_material_with_another_number(capsys):
    study = json.loads(told(capsys, "myocardium-shear", "--set", "a_f=1 kPa", "--json")[1])
    assert study["parameters"]["a_f"] == "1 kPa"
    assert study["parameters"]["b_f"] == "16.026"


def test_a_sum_of_laws(capsys):
    changes = ["--set", "0.mu=3 kPa", "--set", "1.k1=20 kPa", "--set", "1.k2=5"]
    study = json.loads(told(capsys, "neo-hookean+holzapfel-gasser-ogden", *changes, "--json")[1])
    assert study["parameters"] == {"0.mu": "3 kPa", "1.k1": "20 kPa", "1.k2": "5"}
    along, across = (study["curves"][f"uniaxial {which}"] for which in ("along the fiber", "across it"))
    assert along["cauchy_stress_kPa"][-1] > across["cauchy_stress_kPa"][-1]


def test_dispersion_comes_from_the_anisotropy_given(capsys):
    changes = ["--set", "0.mu=3 kPa", "--set", "1.k1=20 kPa", "--set", "1.k2=5", "--json"]
    stress = [
        json.loads(told(capsys, "neo-hookean+gasser-ogden-holzapfel", *changes, "--fa", fa)[1])["curves"]
        for fa in ("0", "0.5", "1")
    ]
    none, some, full = (curves["uniaxial along the fiber"]["cauchy_stress_kPa"][-1] for curves in stress)
    assert none < some < full
    isotropic = stress[0]["uniaxial across it"]["cauchy_stress_kPa"][-1]
    assert isotropic == pytest.approx(none, rel=1e-10)


def test_fit_needs_no_first_guess(capsys, tmp_path):
    picture = tmp_path / "fit.png"
    code, out, _ = told(capsys, "mooney-rivlin", "--data", "treloar", "--fit", "--plot", str(picture))
    assert code == 0
    assert "R² = 0.98" in out
    assert "c1 = 197." in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_fit_in_json(capsys):
    study = json.loads(told(capsys, "ogden", "--data", "budday-cortex", "--fit", "--json")[1])
    assert study["fit"]["r_squared"]["compression"] > 0.99
    assert study["fit"]["parameters"]["mu"] == pytest.approx(1.457, abs=5e-3)
    assert study["parameters"]["mu"].startswith("1.456")


def test_only_what_is_free_is_fitted(capsys):
    arguments = ["mooney-rivlin", "--set", "c2=0 kPa", "--data", "kawabata", "--fit", "--free", "c1", "--json"]
    study = json.loads(told(capsys, *arguments)[1])
    assert study["fit"]["parameters"] == {"c1": pytest.approx(336.74 / 2, abs=0.01)}
    assert study["parameters"]["c2"] == "0 kPa"


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_pictures(capsys, tmp_path, suffix):
    file = tmp_path / f"law.{suffix}"
    code, out, _ = told(capsys, "myocardium-benchmark", "--plot", str(file))
    assert code == 0
    assert f"wrote {file}" in out
    assert file.stat().st_size > 5000


def test_a_law_of_ones_own(capsys, tmp_path):
    file = tmp_path / "my_law.py"
    file.write_text(OWN_LAW)
    changes = ["--set", "mu=3 kPa", "--set", "j=50", "--check", "--json"]
    code, out, _ = told(capsys, "gent", "--law-file", str(file), *changes)
    assert code == 0
    study = json.loads(out)
    assert "Gent 1996" in study["source"]
    assert {check["verdict"] for check in study["checks"]} == {"holds"}
    stretch = np.array(study["curves"]["uniaxial"]["amount"])
    I1 = stretch**2 + 2 / stretch
    expected = 3 * 50 / (50 - (I1 - 3)) * (stretch - stretch**-2)
    np.testing.assert_allclose(study["curves"]["uniaxial"]["nominal_stress_kPa"], expected, atol=1e-11)
    assert "gent" in told(capsys, "--law-file", str(file))[1]
    assert told(capsys, "gent")[0] == 2


def test_a_flaw_in_a_law_of_ones_own_is_told_at_its_line(capsys, tmp_path):
    file = tmp_path / "my_law.py"
    file.write_text(OWN_LAW.replace("kinematics.I1_isochoric", "kinematics.I9"))
    code, _, err = told(capsys, "gent", "--law-file", str(file), "--set", "mu=3 kPa", "--set", "j=50")
    assert code == 2
    assert f"{file}, line " in err
    assert "I9" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["neo-hokean"], "did you mean neo-hookean"),
        (["neo-hookean", "--set", "mu=3"], "has no unit"),
        (["neo-hookean", "--set", "mu=-3 kPa"], "out of range"),
        (["neo-hookean", "--set", "nu=3 kPa"], "unknown key"),
        (["neo-hookean", "--set", "mu"], "KEY=VALUE"),
        (["neo-hookean", "--check"], "mu: is missing"),
        (["neo-hookean", "--set", "mu=3 kPa", "--fit"], "needs data"),
        (["neo-hookean", "--set", "mu=3 kPa", "--free", "mu"], "add --fit"),
        (["neo-hookean", "--data", "treloar", "--fit", "--free", "k1"], "is no parameter"),
        (["neo-hookean", "--set", "mu=3 kPa", "--data", "nothing"], "treloar"),
        (["neo-hookean", "--set", "mu=3 kPa", "--plot", "law.doc"], ".png, .pdf or .svg"),
        (["neo-hookean", "--set", "mu=3 kPa", "--plot", "no/such/law.png"], "folder that is not there"),
        (["neo-hookean", "--set", "mu=3 kPa", "--stretches", "1.2", "0.8"], "no range of stretches"),
        (["neo-hookean", "--set", "mu=3 kPa", "--fa", "2"], "0 to 1"),
        (["neo-hookean+yeoh", "--set", "mu=3 kPa"], "which term"),
        (["neo-hookean", "--set", 'mu={formula="FA", unit="kPa"}'], "varies in space"),
        (["neo-hookean", "--law-file", "no_law.py"], "is not there"),
        (["--check"], "no name is given"),
    ],
)
def test_bad_input_is_one_error(capsys, arguments, message):
    code, out, err = told(capsys, *arguments)
    assert code == 2
    assert message in err
    assert out == ""


def test_the_command_line_stays_light():
    """Naming the verb loads neither UFL nor matplotlib."""
    program = "import sys, fibertwin.cli; print(sorted({'ufl', 'matplotlib', 'scipy', 'dolfinx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
