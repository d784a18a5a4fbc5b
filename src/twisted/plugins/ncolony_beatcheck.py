"""Registers ``twist ncolony-beatcheck``."""

from twisted.application.service import ServiceMaker

serviceMaker = ServiceMaker(
    "ncolony-beatcheck",
    "ncolony.programs.beatcheck",
    "Restart programs of a colony that have stopped beating.",
    "ncolony-beatcheck",
)
