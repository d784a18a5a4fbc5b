"""The name of ``ncolony.programs.httpcheck`` in NColony 2024.1, for code that imports it."""

from __future__ import annotations

from ncolony.programs.httpcheck import Options, makeService

__all__ = ["Options", "makeService"]
