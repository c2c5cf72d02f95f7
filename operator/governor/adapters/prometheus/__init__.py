"""Measures from Prometheus, or whatever speaks its HTTP API: instant queries, in batches."""

from governor.adapters.prometheus.instrument import PrometheusInstrument
from governor.adapters.prometheus.making import make_prometheus

__all__ = ["PrometheusInstrument", "make_prometheus"]
