from optibench.hookspecs import hookimpl
from optibench.pieces import optimizer
