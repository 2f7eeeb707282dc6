"""A stand-in of Gainsight CS: companies, custom objects, people, CTAs, plans and timeline."""

from simulators.gainsight.simulator import GainsightSimulator

__all__ = ["GainsightSimulator"]
