"""Which architecture wins at an equal budget, and which settings of one architecture are its best.

    entrants: recipes that differ in their architecture ──> cost: seconds and FLOPs of one step of each, measured
    budget in seconds or FLOPs / cost ──> steps of each ──> a training for each entrant and seed, as `gyebo train` does it
    results of all runs ──> means with confidence intervals, warnings, a figure of quality against cost

A budget is counted in steps before anything is trained, so other work on the machine does not change a result, and a schedule that
falls towards the last step knows it. Every training is a process of its own: its peak memory is its own, and it is the command that
a user could have typed.
"""
