"""NColony: a process supervisor for containers and servers."""

__version__ = "2026.11.0"
