"""The command `governor-local` with all its subcommands."""

from governor_local import demo, scenarios
from governor_local.cli import main

__all__ = ["demo", "main", "scenarios"]

if __name__ == "__main__":
    main()
