"""The command line: `governor run`, `migrate`, `check`, `version`.

Commands import what they need when they run, so that `--help` answers at once.
"""
