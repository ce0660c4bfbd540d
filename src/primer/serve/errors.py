"""What the server refuses, in the shape in which OpenAI's clients expect it.

    {"error": {"message": "there is no model 'gpt-5' …", "type": "invalid_request_error",
               "param": "model", "code": "model_not_found"}}

The official client makes an exception class of the status: 400 BadRequestError, 401 AuthenticationError, 404
NotFoundError, 429 RateLimitError, 500 and above InternalServerError. Source: https://platform.openai.com/docs/guides/error-codes
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ApiError(Exception):
    """A request that is not answered, and what its client is told."""

    status: int
    code: str | None
    """For programs, such as "model_not_found"."""
    message: str
    """For people: what, what was given, what to do."""
    param: str | None = None
    """The field of the request that is to blame, such as "messages[0].content"."""
    kind: str = "invalid_request_error"
    headers: Mapping[str, str] = field(default_factory=dict)
    """For the answer, such as Retry-After."""

    def __str__(self) -> str:
        return self.message

    def to_json(self) -> dict[str, Any]:
        """The body of the answer, or of the last event of a stream.

        >>> ApiError(404, "model_not_found", "there is no model 'x'", "model").to_json()["error"]["code"]
        'model_not_found'
        """
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}


def bad_request(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """The client's mistake."""
    return ApiError(400, code, message, param)


def server_error() -> ApiError:
    """Ours. What went wrong stands in the log, and is nobody's business outside."""
    message = "the server failed to answer this; its log says why"
    headers = {"Connection": "close"}  # uvicorn drops it, and a client that is not told asks there again, in vain
    return ApiError(500, "internal_error", message, kind="server_error", headers=headers)
