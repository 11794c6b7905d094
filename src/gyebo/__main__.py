"""`python -m gyebo` and `torchrun -m gyebo train ...`."""

import sys

from gyebo.cli import main

if __name__ == "__main__":
    sys.exit(main())
