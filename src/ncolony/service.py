"""The name of ``ncolony.hosts.reactor`` in NColony 2024.1, for code that imports it."""

from __future__ import annotations

from ncolony.hosts.reactor import Options, makeService

__all__ = ["Options", "makeService"]
