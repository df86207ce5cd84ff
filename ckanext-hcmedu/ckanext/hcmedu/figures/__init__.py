"""Published figures as pages show them: chosen, read, laid out as a table, drawn, taken away.

Everything here reads releases, and so only what the privacy gate has let out; nothing is computed
from figures but what a reader could compute.
"""
