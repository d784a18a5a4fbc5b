"""Registers ``twist ncolony``."""

from twisted.application.service import ServiceMaker

serviceMaker = ServiceMaker(
    "ncolony", "ncolony.hosts.reactor", "Run and supervise the programs described in a directory.", "ncolony"
)
