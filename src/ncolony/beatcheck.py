"""The name of ``ncolony.programs.beatcheck`` in NColony 2024.1, for code that imports it."""

from __future__ import annotations

from ncolony.programs.beatcheck import Options, check, makeService, parseConfig, run

__all__ = ["Options", "check", "makeService", "parseConfig", "run"]
