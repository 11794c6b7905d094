"""Views of a run: each file takes a run and inputs, computes what is to be seen, and gives the figure.

Each offers `draw(run, inputs) -> Figure` and `lacks(run) -> str | None`; `gyebo.views.look` lists them.
"""
