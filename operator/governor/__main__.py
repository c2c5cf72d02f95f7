"""`governor`, and `python -m governor`."""

import sys

from governor.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
