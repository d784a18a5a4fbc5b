"""What can go wrong with a measurement."""


class BenchError(Exception):
    """The world's fault: one line says what could not be done; there is no figure."""
