"""What a cavity fills from and empties into, in lumped elements: the flows of one increment of time, and their slopes.

Every element but the cavity itself is solved in closed form for a given pressure in it, so that a circuit adds no
unknown beyond that pressure.
"""

from abc import abstractmethod
from dataclasses import dataclass, field
from math import sqrt
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Interval

from fibertwin.declared import Declared
from fibertwin.units import Compliance, Number, Pressure, Resistance


@dataclass(frozen=True)
class Valve:
    """A diode: the flow Q that a pressure difference d drives through it.

    Q = d/closed + (1/resistance − 1/closed) s(d), with s = 0 for d < 0, d²/(2 opening) for 0 ≤ d < opening, and
    d − opening/2 beyond it. Diodes with two resistances are those of Hirschvogel et al. 2017 (doi 10.1002/cnm.2842);
    the parabola joins the two lines with a continuous slope, as Newton's method wants it, and Q rises with d, has its
    sign, and is exactly zero with it.

    Attributes:
        resistance: resistance of the open valve.
        closed: resistance of the closed valve, which leaks; it is tight where left out.
        opening: pressure over which it opens.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    resistance: Annotated[Resistance, Gt(0)]
    closed: Annotated[Resistance, Gt(0)] | None = None
    opening: Annotated[Pressure, Gt(0)] = 0.01

    def __post_init__(self) -> None:
        if self.closed is not None and self.closed <= self.resistance:
            raise ValueError("a closed valve resists more than an open one")

    def flow(self, source: float, further: float = 0.0) -> tuple[float, float]:
        """The flow (mm³/s) from a source to rest through the valve and a resistance behind it; its slope by the source.

        Args:
            source: pressure (kPa) before the valve, over that behind the further resistance.
            further: the resistance behind it (kPa s/mm³).

        Returns:
            the flow, and its derivative (mm³/(kPa s)).
        """
        leak = 0.0 if self.closed is None else 1 / self.closed
        jump = 1 / self.resistance - leak
        shut = 1 + further * leak
        if source <= 0:
            drop, slope = source / shut, leak
            return leak * drop + 0.0, slope / shut  # no −0
        # of drop + further Q(drop) = source, the parabola's root, in the form that does not cancel
        curved = further * jump / self.opening
        drop = 2 * source / (shut + sqrt(shut**2 + 2 * curved * source))
        if drop < self.opening:
            flow, slope = leak * drop + jump * drop**2 / (2 * self.opening), leak + jump * drop / self.opening
        else:
            drop = (source + 0.5 * further * jump * self.opening) / (1 + further / self.resistance)
            flow, slope = leak * drop + jump * (drop - 0.5 * self.opening), 1 / self.resistance
        return flow, slope / (1 + further * slope)


@dataclass(frozen=True)
class Flow:
    """What a circuit shows at the end of an increment of time.

    Attributes:
        inflow: mean flow into the cavity over the increment (mm³/s).
        outflow: mean flow out of it (mm³/s).
        arterial: pressure in the vessels' compliance at the end (kPa).
        aortic: pressure behind the outflow valve (kPa), which has driven the outflow on.
    """

    inflow: float
    outflow: float
    arterial: float
    aortic: float

    @property
    def gained(self) -> float:
        """Mean flow that fills the cavity (mm³/s)."""
        return self.inflow - self.outflow


@dataclass(frozen=True)
class CircuitState:
    """A cavity and its circuit at a moment.

    Attributes:
        volume: of the cavity (mm³).
        pressure: in the cavity (kPa).
        flow: how the circuit came there.
    """

    volume: float
    pressure: float
    flow: Flow


@dataclass(frozen=True)
class Circuit(Declared):
    """What a cavity is connected to.

    Time goes on by the generalised midpoint rule: what drives a flow is the pressure at ``theta`` of an increment.

    Attributes:
        theta: 1 is the backward Euler method, which damps what it does not resolve; 0.5 the midpoint rule, of second
            order once an increment is shorter than the time in which the cavity fills and empties.
    """

    theta: Annotated[Number, Interval(ge=0.5, le=1)] = field(default=1.0, kw_only=True)

    @property
    @abstractmethod
    def preload(self) -> float:
        """The pressure (kPa) to which it fills a cavity that is left to rest."""

    @abstractmethod
    def begin(self, volume: float, pressure: float) -> CircuitState:
        """The state before anything has flowed.

        Args:
            volume: of the cavity (mm³).
            pressure: in it (kPa).
        """

    @abstractmethod
    def exchange(self, last: CircuitState, step: float, pressure: float, source: float) -> tuple[Flow, float]:
        """What flows from the last state to a later moment.

        Args:
            last: where it stood.
            step: time from there to the later moment (s).
            pressure: in the cavity then (kPa).
            source: factor of the pressure that fills the cavity, at ``theta`` of the time.

        Returns:
            the flow, and the derivative of what the cavity gains by the pressure (mm³/(kPa s)).
        """


@dataclass(frozen=True)
class Windkessel(Circuit):
    """A ventricle's circulation: filled through a valve at a given pressure, emptied through another into arteries.

    The arteries are the Windkessel of Westerhof, Lankhaar & Westerhof 2009 (doi 10.1007/s11517-008-0359-2), with the
    pressure p in their compliance: compliance dp/dt = Q − (p − venous_pressure)/resistance, where the flow Q through
    the outflow valve has p + impedance Q behind it. It has two elements without ``impedance``, three with it. In a
    sector of a body all flows are those of the sector: an eighth of a heart has eight times the resistances and an
    eighth of the compliance.

    Attributes:
        filling_pressure: pressure before the inflow valve, such as that of the left atrium.
        inflow: the inflow valve.
        outflow: the outflow valve.
        resistance: peripheral resistance of the arteries, between their compliance and the veins.
        compliance: compliance of the arteries.
        impedance: characteristic impedance of the arteries, between the outflow valve and their compliance.
        arterial_pressure: pressure in the arteries' compliance to begin with.
        venous_pressure: pressure behind the peripheral resistance.
    """

    filling_pressure: Pressure
    inflow: Valve
    outflow: Valve
    resistance: Annotated[Resistance, Gt(0)]
    compliance: Annotated[Compliance, Gt(0)]
    arterial_pressure: Pressure
    impedance: Annotated[Resistance, Ge(0)] = 0.0
    venous_pressure: Pressure = 0.0

    @property
    def preload(self) -> float:
        """That before the inflow valve."""
        return self.filling_pressure

    def begin(self, volume: float, pressure: float) -> CircuitState:
        """The arteries at ``arterial_pressure``."""
        return CircuitState(volume, pressure, Flow(0.0, 0.0, self.arterial_pressure, self.arterial_pressure))

    def exchange(self, last: CircuitState, step: float, pressure: float, source: float) -> tuple[Flow, float]:
        """What flows from the last state to a later moment."""
        before, inside = last.flow.arterial, last.pressure + self.theta * (pressure - last.pressure)
        # the compliance's balance, solved for its pressure at the moment between: still + yields outflow
        part = self.theta * step / self.compliance
        lost = 1 + part / self.resistance
        still, yields = (before + part * self.venous_pressure / self.resistance) / lost, part / lost
        outflow, out_slope = self.outflow.flow(inside - still, yields + self.impedance)
        inflow, in_slope = self.inflow.flow(self.filling_pressure * source - inside)
        between = still + yields * outflow
        arterial = before + (between - before) / self.theta
        flow = Flow(inflow, outflow, arterial, between + self.impedance * outflow)
        return flow, -self.theta * (out_slope + in_slope)
