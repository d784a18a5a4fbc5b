"""The pure core: what a program is, what its instances do next, and why.

Nothing here reads a clock, a file, a socket or a source of chance: every function is handed what it needs
(``now`` included) and returns what should happen. The rest of the package makes it happen.
"""
