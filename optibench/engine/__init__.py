"""Train one cohort of runs. Knows the contract of plugins only."""
