"""Registers ``twist ncolony-scheduler``."""

from twisted.application.service import ServiceMaker

serviceMaker = ServiceMaker(
    "ncolony-scheduler",
    "ncolony.programs.scheduler",
    "Run a command at once and then at every period.",
    "ncolony-scheduler",
)
