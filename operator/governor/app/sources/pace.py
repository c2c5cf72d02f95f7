"""How often the directory of sources looks."""

from dataclasses import dataclass

from governor.app import resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace(resources.Pace):
    """Times in seconds, beside those that all directories have."""

    probing: float = 60.0
    """Between two probings of a source that is ready; of another, see `retrying`."""

    patience: float = 45.0
    """How long one probing may take. Instruments have deadlines of their own."""
