"""Looks inside: plain numbers in, one figure definition out, and from it HTML, PNG, SVG and JSON.

Each file holds one kind of look: `curves`, `alignment`, `gates`, `gradients`; `report` puts figures, tables and texts
on one page. `looks` computes them for a run, and `VIEWS` names these. Importing this package imports none of them: the
drawing libraries take a third of a second to load.
"""

from gyebo.views.looks import VIEWS

__all__ = ["VIEWS"]
