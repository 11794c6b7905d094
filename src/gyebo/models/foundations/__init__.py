"""The first networks: one neuron, and layers of them."""
