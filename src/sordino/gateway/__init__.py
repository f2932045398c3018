"""The privacy gateway: the runtime inside the network of a user, for devices that cannot run it.

Sound or features come in, released vectors leave, and nothing else: no file, no log, no reason of a
withheld utterance. A gateway serves the devices of one user, which share one daily budget.
"""

from __future__ import annotations

from sordino.gateway.app import application
from sordino.gateway.service import Gateway
from sordino.gateway.tokens import GatewayTokens

__all__ = ["Gateway", "GatewayTokens", "application"]
