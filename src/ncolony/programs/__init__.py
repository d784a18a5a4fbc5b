"""Programs that run under a colony, on Twisted, and what they share with the reactor's host."""
