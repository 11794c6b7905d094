"""gyebo (계보, "genealogy"): the family tree of neural networks as software that runs."""

__version__ = "0.1.0"
