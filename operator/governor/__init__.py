"""Governor: a Kubernetes operator that watches what AI agents do, and says so truthfully."""

__version__ = "0.1.0"
