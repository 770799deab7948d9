"""The UM-Bridge server, asked by the real client."""

import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fibertwin.case import Case
from fibertwin.studies import bridge

umbridge = pytest.importorskip("umbridge")

TINY = (Path(__file__).parent / "test_running.py").read_text("utf-8").split('"""')[3]
MU = "materials.tissue.energies.0.mu"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("bridge") / "case.toml"
    path.write_text(TINY)
    model = bridge.Model("block", Case.read(path), {MU: "kPa"}, ("reactions.pull.force_mN.0",))
    with bridge.Server(("127.0.0.1", 0), model) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    model.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_real_client_gets_model_and_gradient(url: str) -> None:
    model = umbridge.HTTPModel(url, "block")
    assert umbridge.supported_models(url) == ["block"]
    assert model.get_input_sizes() == [1]
    assert model.get_output_sizes() == [1]
    assert model.supports_evaluate()
    assert model.supports_gradient()
    assert model.supports_apply_jacobian()
    assert not model.supports_apply_hessian()
    ((one,),), ((two,),) = model([[1.0]]), model([[2.0]])
    assert two > one
    ((less,),), ((more,),) = model([[1.499]]), model([[1.501]])
    (slope,) = model.gradient(0, 0, [[1.5]], [2.0])
    assert slope == pytest.approx(2.0 * (more - less) / 0.002, rel=1e-4)
    assert model.apply_jacobian(0, 0, [[1.5]], [3.0]) == pytest.approx([1.5 * slope], rel=1e-9)
    with pytest.raises(Exception, match="is out of range"):
        model([[-1.0]])
    assert model([[1.0]])[0][0] == pytest.approx(one, rel=1e-8)


def test_derivatives_that_would_cost_solves_are_refused_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "Worker", Mock())
    hindered = {"anatomy.size.0": "moves nodes"}
    case = Case.read(Path(__file__).parents[2] / "examples" / "quick" / "case.toml")
    asks = {"name": "block", "input": [[1.0]], "outWrt": 0, "inWrt": 0, "vec": [1.0]}
    refusing, ready = (
        bridge.Model("block", case, {"anatomy.size.0": "mm"}, ("x",), hindered=hindered, gradient=gradient)
        for gradient in (False, True)
    )
    assert not bridge.answered(refusing, "/ModelInfo", {"name": "block"})["support"]["Gradient"]
    assert bridge.answered(ready, "/ModelInfo", {"name": "block"})["support"]["ApplyJacobian"]
    with pytest.raises(bridge.RefusedError, match=r"anatomy.size.0: moves nodes; fibertwin serve --gradient"):
        bridge.answered(refusing, "/ApplyJacobian", asks)
    refusing.close()
    ready.close()


def asked(url: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url + path, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/Evaluate", {"name": "block", "input": [[1.0]], "confg": {}}, 400, "unknown keys: confg"),
        ("/Evaluate", {"name": "block", "input": [[1.0]], "config": {"level": 1}}, 400, "takes no config"),
        ("/Evaluate", {"name": "bolck", "input": [[1.0]]}, 400, "there is no model 'bolck'"),
        ("/Evaluate", {"name": "block", "input": [[1.0, 2.0]]}, 400, "one vector of 1 finite numbers"),
        ("/Evaluate", {"name": "block", "input": [[True]]}, 400, "one vector of 1 finite numbers"),
        ("/Evaluate", {"name": "block"}, 400, "one vector of 1 finite numbers"),
        ("/ApplyHessian", {"name": "block"}, 404, "is not offered"),
        ("/Gradient", {"name": "block", "input": [[1.0]], "outWrt": 1, "inWrt": 0, "sens": [1.0]}, 400, "must be 0"),
        (
            "/ApplyJacobian",
            {"name": "block", "input": [[1.0]], "outWrt": 0, "inWrt": 0, "vec": []},
            400,
            "one vector of 1 finite",
        ),
    ],
)
def test_what_is_wrong_is_refused(url: str, path: str, body: dict[str, Any], status: int, words: str) -> None:
    code, answer = asked(url, path, json.dumps(body).encode())
    assert code == status
    assert words in answer["error"]["message"]


def test_requests_that_are_too_long_or_no_json_are_refused(url: str) -> None:
    assert asked(url, "/Evaluate", b"[1, 2")[0] == 400
    assert asked(url, "/Evaluate", b"[1, 2]")[0] == 400
    host, port = url.removeprefix("http://").split(":")
    import http.client

    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.putrequest("POST", "/Evaluate")
    connection.putheader("Content-Length", str(bridge.LARGEST + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_was_started_to_ignore_ctrl_c_ends_when_it_is_told_to(tmp_path: Path, number: int) -> None:
    (tmp_path / "case.toml").write_text(TINY)
    command = [sys.executable, "-m", "fibertwin.cli", "serve", str(tmp_path / "case.toml"), "--input", f"{MU}=1 kPa"]
    command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]  # as a shell starts what is in the background
    command += ["--output", "reactions.pull.force_mN.0", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert any("serving" in line for line in iter(server.stdout.readline, ""))
    server.send_signal(number)
    _, said = server.communicate(timeout=60)
    assert server.returncode == 130
    assert said.splitlines()[-1] == "fibertwin: stopped"
    assert "PETSC" not in said
