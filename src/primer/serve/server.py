"""uvicorn, with an end that nobody notices: what runs is finished, what is new is refused."""

import math
import socket
import time
from types import FrameType

import uvicorn

from primer.core.errors import ConfigError
from primer.serve.gate import Gate


class GracefulServer(uvicorn.Server):
    """On SIGTERM or Ctrl-C it refuses new requests with 503 and stops when all others are answered, or after
    `grace_seconds`. A second signal stops it at once.

    uvicorn alone closes its doors first, and a client behind a proxy sees a refused connection where it should see
    503 and Retry-After.
    """

    def __init__(self, config: uvicorn.Config, gate: Gate, grace_seconds: float) -> None:
        super().__init__(config)
        self.gate, self.grace_seconds, self.deadline = gate, grace_seconds, math.inf

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called for a signal."""
        if self.gate.closing:
            self.should_exit = self.force_exit = True
        self.gate.closing = True
        self.deadline = time.monotonic() + self.grace_seconds

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second: whether it is time to stop."""
        answered = self.gate.closing and not self.gate.num_under_way
        return await super().on_tick(counter) or answered or time.monotonic() > self.deadline


def bind(host: str, port: int) -> socket.socket:
    """A socket at this address; port 0 takes a free one. Raises ConfigError if it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot listen at {host}, port {port}: {reason}. Stop what is there, or choose another --port; 0 takes "
            "any that is free."
        ) from error
    return listener
