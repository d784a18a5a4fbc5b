"""The name of ``ncolony.programs.scheduler`` in NColony 2024.1, for code that imports it."""

from __future__ import annotations

from ncolony.programs.scheduler import Options, makeService

__all__ = ["Options", "makeService"]
