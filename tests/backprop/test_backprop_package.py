"""The public surface of the package; importing gyebo does not pay for it."""

import subprocess
import sys

from gyebo import backprop


def test_every_public_name_is_there():
    assert backprop.__all__ == sorted(backprop.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    assert all(hasattr(backprop, name) for name in backprop.__all__)


def test_importing_gyebo_imports_no_numpy():
    code = "import sys, gyebo; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
