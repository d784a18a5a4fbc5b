"""Registers ``twist ncolony-httpcheck``."""

from twisted.application.service import ServiceMaker

serviceMaker = ServiceMaker(
    "ncolony-httpcheck",
    "ncolony.programs.httpcheck",
    "Restart programs of a colony whose web page answers badly.",
    "ncolony-httpcheck",
)
