"""A race: optimizers on a problem of two parameters, every step of their paths, in the terminal and as an animation.

The folder is not called race/: importing a module of that name would replace the function ``optibench.race``.
"""
