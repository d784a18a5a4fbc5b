"""The part of heart.py that is made of Twisted. Imported when that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.application.internet import TimerService
from twisted.application.service import IService, IServiceCollection, MultiService

if TYPE_CHECKING:
    from ncolony.client.heart import Heart

__all__ = ["IService", "IServiceCollection", "MultiService", "beating_service", "parent_of"]


def beating_service(heart: Heart) -> TimerService:
    """Return a service that beats while it runs."""
    return TimerService(heart.interval, heart.beat)


def parent_of(service: IService) -> MultiService:
    """Return a new parent of ``service``."""
    parent = MultiService()
    service.setServiceParent(parent)
    return parent
