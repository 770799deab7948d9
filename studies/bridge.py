"""A UM-Bridge server (protocol 1.0, Seelinger et al. 2023, doi 10.21105/joss.04748) around one persistent worker."""

import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fibertwin.errors import FibertwinError
from fibertwin.log import logger

from .samples import written
from .workers import Worker

if TYPE_CHECKING:
    from fibertwin.case import Case

LARGEST = 1 << 20
"""Bytes that a request may have."""

PATIENCE = 10.0
"""Seconds that a client may take to send what it has announced."""

ALLOWED: dict[str, set[str]] = {
    "/ModelInfo": {"name"},
    "/InputSizes": {"name", "config"},
    "/OutputSizes": {"name", "config"},
    "/Evaluate": {"name", "config", "input"},
    "/Gradient": {"name", "config", "input", "outWrt", "inWrt", "sens"},
    "/ApplyJacobian": {"name", "config", "input", "outWrt", "inWrt", "vec"},
}
"""Keys of each request; any other is refused."""


class RefusedError(Exception):
    """A request that is not answered.

    Args:
        kind: as the protocol names it.
        message: for the client.
        status: of HTTP.
    """

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind, self.status = kind, status


class Model:
    """A case as a function of numbers: one input vector with an entry for each key, one output vector.

    Args:
        name: under which clients ask for it.
        case: the base case.
        inputs: unit of each place in the case file that is an input.
        outputs: observables.
        ranks: MPI ranks.
        hindered: why the derivatives by some inputs are not to be had by tangents, by the inputs' keys.
        gradient: whether to offer derivatives even so, by differences of whole solves.
    """

    def __init__(
        self,
        name: str,
        case: "Case",
        inputs: Mapping[str, str],
        outputs: Sequence[str],
        *,
        ranks: int = 1,
        hindered: Mapping[str, str] = MappingProxyType({}),
        gradient: bool = False,
    ) -> None:
        self.name, self.inputs, self.outputs = name, dict(inputs), tuple(outputs)
        self.hindered, self.derives = dict(hindered), gradient or not hindered
        base = {"case": case.to_dict(), "folder": str(case.folder.resolve()), "observables": list(outputs), "petsc": ""}
        self._logs = tempfile.TemporaryDirectory(prefix="fibertwin-serve-")
        self._worker = Worker("serve", base, ranks, Path(self._logs.name))
        self._last = ""

    def evaluate(self, values: Sequence[float]) -> list[float]:
        """The observables at a point; starts from the last point's state.

        Raises:
            FibertwinError: the case is wrong there, or full load was not reached.
        """
        answer = self._asked(values, {})
        self._last = repr(list(values))
        return [answer["observables"][name] for name in self.outputs]

    def slopes(self, values: Sequence[float], directions: Sequence[Sequence[float]]) -> list[list[float]]:
        """Derivatives of the observables at a point along directions; no solve where it is the last that was evaluated.

        Raises:
            FibertwinError: the case is wrong there or a small step away, or full load was not reached.
        """
        found: list[list[float]] = self._asked(values, {"directions": [list(one) for one in directions]})["slopes"]
        return found

    def gradient(self, values: Sequence[float], weights: Sequence[float]) -> list[float]:
        """Gradient of the weighted sum of the observables."""
        axes = [[float(i == j) for j in range(len(values))] for i in range(len(values))]
        return [math.fsum(w * v for w, v in zip(weights, row, strict=True)) for row in self.slopes(values, axes)]

    def _asked(self, values: Sequence[float], more: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer about a point."""
        sample = {key: written(v, unit) for (key, unit), v in zip(self.inputs.items(), values, strict=True)}
        self._worker.give(0, {"sample": sample, "key": repr(list(values)), "near": self._last, **more})
        while True:
            for answer in self._worker.heard():
                if answer["outcome"] == "ready":
                    continue
                if answer["outcome"] == "done":
                    return answer
                if answer["outcome"] == "died":
                    self._last = ""
                    self._worker.end(kindly=False)
                    self._worker.start()
                raise FibertwinError(answer["sentence"])

    def close(self) -> None:
        """End the worker."""
        self._worker.end(kindly=True)
        self._logs.cleanup()


def answered(model: Model, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a POST request.

    Raises:
        RefusedError: it is none that this model answers.
    """
    if path not in ALLOWED:
        raise RefusedError("UnsupportedFeature", f"{path} is not offered; there are {', '.join(ALLOWED)}", 404)
    if unknown := sorted(set(body) - ALLOWED[path]):
        raise RefusedError("InvalidInput", f"unknown keys: {', '.join(unknown)}")
    if body.get("name") != model.name:
        raise RefusedError("ModelNotFound", f"there is no model {body.get('name')!r}; there is {model.name!r}")
    if body.get("config"):
        raise RefusedError("InvalidInput", "this model takes no config")
    if path == "/ModelInfo":
        derives = model.derives
        return {"support": {"Evaluate": True, "Gradient": derives, "ApplyJacobian": derives, "ApplyHessian": False}}
    if path in ("/InputSizes", "/OutputSizes"):
        inputs = path == "/InputSizes"
        return {"inputSizes" if inputs else "outputSizes": [len(model.inputs if inputs else model.outputs)]}
    values = _vectors(body.get("input"), len(model.inputs))
    if path == "/Evaluate":
        return {"output": [model.evaluate(values)]}
    if not model.derives:
        why = "; ".join(f"{key}: {reason}" for key, reason in model.hindered.items())
        hint = "fibertwin serve --gradient takes differences of whole solves"
        raise RefusedError("UnsupportedFeature", f"derivatives are not offered; {why}; {hint}")
    if (body.get("outWrt"), body.get("inWrt")) != (0, 0):
        raise RefusedError("InvalidInput", "outWrt and inWrt must be 0: there is one input and one output vector")
    if path == "/Gradient":
        return {"output": model.gradient(values, _vectors([body.get("sens")], len(model.outputs)))}
    return {"output": model.slopes(values, [_vectors([body.get("vec")], len(model.inputs))])[0]}


def _vectors(said: object, size: int) -> list[float]:
    """The one vector that a request brings."""
    row = said[0] if isinstance(said, list) and len(said) == 1 else None
    if (
        not isinstance(row, list)
        or len(row) != size
        or not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in row)
    ):
        raise RefusedError("InvalidInput", f"wanted one vector of {size} finite numbers")
    return [float(value) for value in row]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    timeout = PATIENCE
    server: "Server"

    def do_GET(self) -> None:
        if self.path == "/Info":
            self._send(200, {"protocolVersion": 1.0, "models": [self.server.model.name]})
        else:
            self._send(404, _error("UnsupportedFeature", f"{self.path} is not offered"))

    def do_POST(self) -> None:
        try:
            self._send(200, answered(self.server.model, self.path, self._body()))
        except RefusedError as refused:
            self._send(refused.status, _error(refused.kind, str(refused)))
        except FibertwinError as error:
            self._send(500, _error("InvalidOutput", str(error)))

    def _body(self) -> Mapping[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            raise RefusedError("InvalidInput", "the request does not say how long it is", 411)
        if int(length) > LARGEST:
            raise RefusedError("InvalidInput", f"the request is longer than {LARGEST} bytes", 413)
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError as error:
            raise RefusedError("InvalidInput", f"the request is not JSON: {error}") from error
        if not isinstance(body, Mapping):
            raise RefusedError("InvalidInput", "the request is no JSON object")
        return body

    def _send(self, status: int, document: Mapping[str, Any]) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as the base class names it)
        logger.debug(format, *args)


class Server(HTTPServer):
    """One request after the other: the model solves one at a time.

    Args:
        address: host and port.
        model: what is served.
    """

    def __init__(self, address: tuple[str, int], model: Model) -> None:
        self.model = model
        super().__init__(address, _Handler)


def serve(model: Model, host: str, port: int, *, first: Sequence[float], told: Callable[[str], object]) -> None:
    """Solve once, which compiles and tells whether the observables exist; then answer requests until Ctrl-C.

    Raises:
        FibertwinError: the model cannot be solved at ``first``.
    """
    model.evaluate(first)
    with Server((host, port), model) as server:
        told(f"serving {model.name} at http://{host}:{server.server_port}; Ctrl-C ends it")
        server.serve_forever()


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message}}
