"""Is every architecture what its entry says?  Parameter counts, equality with references, and the contract, recomputed.

`verify` runs the checks over the catalogue and `fidelity_page` writes them down: that is `gyebo verify`. The checks are part of
the package, so an installed wheel can run them; the tests only parametrise over the same tables.

    counts       every published size, built on the meta device
    parity/      a second implementation of every architecture, one file a family
    contract     the properties that hold for all of them, tried through an adapter for each interface (`subject`)
"""

from gyebo.verification.record import Record
from gyebo.verification.report import fidelity_page, verify

__all__ = ["Record", "fidelity_page", "verify"]
