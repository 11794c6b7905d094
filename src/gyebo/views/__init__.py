"""Looks inside: plain numbers in, one figure definition out, and from it HTML, PNG, SVG and JSON.

Each file holds one kind of look: `curves`, `alignment`, `gates`, `gradients`; `report` puts figures, tables and texts
on one page. Importing this package imports none of them: the drawing libraries take a third of a second to load.
"""
