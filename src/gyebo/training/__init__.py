"""Training: the loop, its optimizers and schedules, checkpoints that resume bit for bit, and several processes at once."""
