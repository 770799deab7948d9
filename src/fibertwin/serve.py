"""The verb ``serve``: a case as a UM-Bridge model, for any program that asks forward models over HTTP."""

import argparse
from pathlib import Path
from typing import Any

from fibertwin.errors import InputError, Problem

EXAMPLE = """example:
  fibertwin serve case.toml --input "materials.tissue.energies.0.mu=1 kPa" --output reactions.plate.force_mN.2
  then, in Python: umbridge.HTTPModel("http://127.0.0.1:4242", "fibertwin")([[1.2]])
"""


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    plain = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser("serve", help="serve a case as a UM-Bridge model", epilog=EXAMPLE, formatter_class=plain)
    verb.add_argument("case", type=Path, metavar="CASE", help="the case file")
    described = "an input: its place in the case, and a value whose unit all its numbers have"
    verb.add_argument("--input", action="append", required=True, metavar="KEY=VALUE", dest="inputs", help=described)
    described = "an observable, as a sweep names it"
    verb.add_argument("--output", action="append", required=True, metavar="NAME", dest="outputs", help=described)
    verb.add_argument("--name", default="fibertwin", help="of the model (fibertwin)")
    verb.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine alone)")
    verb.add_argument("--port", type=int, default=4242, help="(4242); 0 for any that is free")
    verb.add_argument("-n", "--ranks", type=int, default=1, metavar="N", help="ranks of the model (1)")
    described = "offer derivatives by every input: where tangents do not tell them, by differences of whole solves"
    verb.add_argument("--gradient", action="store_true", help=described)
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    from fibertwin import log
    from fibertwin.case import Case
    from fibertwin.derivable import hindrances
    from fibertwin.signals import end_on_signals
    from fibertwin.studies import bridge
    from fibertwin.studies.samples import written

    log.configure(0)
    units = dict(_input(text) for text in arguments.inputs)
    case = Case.read(arguments.case)
    for key, (value, unit) in units.items():
        case.replace({key: written(value, unit)})  # raises where the case has no such key
    hindered = hindrances(case, arguments.outputs, units)
    model = bridge.Model(
        arguments.name,
        case,
        {key: unit for key, (_, unit) in units.items()},
        tuple(arguments.outputs),
        ranks=arguments.ranks,
        hindered=hindered,
        gradient=arguments.gradient,
    )
    for key, why in hindered.items():
        how = "are differences of whole solves" if arguments.gradient else "are not offered without --gradient"
        print(f"derivatives by {key} {how}: {why}")
    end_on_signals()
    try:
        first = {key: value for key, (value, _) in units.items()}
        bridge.serve(model, arguments.host, arguments.port, first=list(first.values()), told=print)
    finally:
        model.close()
    return 0


def _input(text: str) -> tuple[str, tuple[float, str]]:
    from fibertwin.studies.samples import quantity

    key, _, value = text.partition("=")
    found = quantity(value.strip().strip('"'))
    if found is None:
        raise InputError(Problem("--input", "is not KEY=VALUE", text, "such as supports.plate.depth=1 mm"))
    return key.strip(), found
