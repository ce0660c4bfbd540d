"""The routes of OpenAI's protocol, and how their errors are told."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

import primer
from primer.engine.live import EngineClosed
from primer.serve.answers import ChatCompletion, Completion, ErrorBody, Model, ModelList
from primer.serve.command import ServeConfig
from primer.serve.errors import ApiError, bad_request, server_error
from primer.serve.gate import Gate, GateMiddleware
from primer.serve.metrics import Metrics
from primer.serve.models import ModelInfo, Models, UnknownModel
from primer.serve.protocol import ChatRequest, CommonRequest, CompletionRequest
from primer.serve.replies import DONE, Json, event
from primer.serve.safety import Safety
from primer.serve.screening import Record
from primer.serve.service import Job, Service

log = logging.getLogger(__name__)

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "The request's fault."},
    "5XX": {"model": ErrorBody, "description": "The server's fault."},
}
STREAM: dict[str, Any] = {"content": {"text/event-stream": {}}}  # one event or another: `data: ` and a chunk


def create_app(models: Models, gate: Gate, metrics: Metrics, safety: Safety | None, config: ServeConfig) -> FastAPI:
    """The application. `config` says whether texts are logged, and which pages' browsers may ask."""
    # Pages of documentation are off: they load their scripts from elsewhere. The schema is at /openapi.json.
    app = FastAPI(title="Primer", version=primer.__version__, docs_url=None, redoc_url=None)
    record = Record(safety, metrics) if safety else None
    service = Service(models, gate.limits, metrics, record, config.log_text)
    app.include_router(chat_routes(service))
    app.include_router(model_routes(models))
    app.include_router(server_routes(metrics, record))
    app.add_middleware(GateMiddleware, gate=gate, metrics=metrics)
    if config.cors:
        headers = ["Authorization", "Content-Type"]
        app.add_middleware(
            CORSMiddleware, allow_origins=config.cors, allow_methods=["GET", "POST"], allow_headers=headers
        )
    for kind in (ApiError, EngineClosed, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, tell)
    return app


class JsonRequest(Request):
    """A request whose JSON is read strictly: no NaN, no half characters ("\\ud800"), at most 200 levels deep."""

    async def json(self) -> Any:
        """The body. Raises ApiError if it is no JSON."""
        try:
            return from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise bad_request(f"the body is no JSON: {error}") from error


class JsonRoute(APIRoute):
    """A route that reads its body so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given the stricter request."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return strictly


# --- routes ---


def chat_routes(service: Service) -> APIRouter:
    """What asks a model."""
    router = APIRouter(prefix="/v1", responses=ERRORS, route_class=JsonRoute)

    @router.post("/chat/completions", responses={200: STREAM | {"model": ChatCompletion}})
    async def chat(asked: ChatRequest, request: Request) -> Response:
        """Answer a conversation."""
        return await reply(asked, request, await service.chat(asked))

    @router.post("/completions", responses={200: STREAM | {"model": Completion}})
    async def complete(asked: CompletionRequest, request: Request) -> Response:
        """Continue a text."""
        return await reply(asked, request, await service.complete(asked))

    return router


def model_routes(models: Models) -> APIRouter:
    """Which models there are."""
    router = APIRouter(prefix="/v1", responses=ERRORS)

    @router.get("/models")
    async def list_models() -> ModelList:
        """All of them, the default first."""
        return ModelList(object="list", data=[describe(info) for info in models.list()])

    @router.get("/models/{name:path}")
    async def get_model(name: str) -> Model:
        """One of them."""
        found = [info for info in models.list() if info.name == name]
        if not found:
            raise UnknownModel(404, "model_not_found", f"there is no model {name!r}", "model")
        return describe(found[0])

    return router


def describe(info: ModelInfo) -> Model:
    """A model as OpenAI's protocol lists it."""
    return Model(id=info.name, object="model", created=info.created, owned_by="primer", stage=info.stage)


def server_routes(metrics: Metrics, record: Record | None) -> APIRouter:
    """How the server is."""
    router = APIRouter(responses=ERRORS)

    @router.get("/health")
    async def health() -> dict[str, str]:
        """Whether it answers."""
        return {"status": "ok"}

    @router.get("/metrics", response_class=Response)
    async def read_metrics() -> Response:
        """Everything that is counted, for Prometheus."""
        content, media_type = metrics.render()
        return Response(content, media_type=media_type)

    @router.get("/primer/safety")
    async def read_safety() -> dict[str, Any]:
        """The filters' policy, and what they have found."""
        return record.report() if record else {"policy": {}, "totals": {}, "recent": []}

    return router


# --- answers ---


async def reply(asked: CommonRequest, request: Request, job: Job) -> Response:
    """A stream or a body, as the client wants it."""
    envelope = job.reply.envelope
    request.state.model = envelope.model
    headers = {"x-request-id": envelope.id}
    if asked.stream:
        with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return EventStream(events(job, with_usage), headers)
    return JSONResponse(await while_connected(request, job.body()), headers=headers)


class EventStream(StreamingResponse):
    """A stream whose source is closed at once when the client hangs up."""

    def __init__(self, source: AsyncGenerator[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(source, headers=headers, media_type="text/event-stream")
        self.source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with aclosing(self.source):
            await super().__call__(scope, receive, send)


async def events(job: Job, with_usage: bool) -> AsyncGenerator[bytes]:
    """The chunks as events; an error is the last one."""
    try:
        async with aclosing(job.chunks(with_usage)) as chunks:
            async for chunk in chunks:
                yield event(chunk)
        yield DONE
    except Exception as error:
        yield event(explain(error).to_json())


async def while_connected(request: Request, work: Coroutine[Any, Any, Json]) -> Json:
    """What the work gives; it is stopped when the client hangs up."""
    task, gone = asyncio.create_task(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ApiError(499, "client_gone", "the client hung up")  # nginx's number; nobody reads it but the metrics
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


# --- errors ---


async def tell(request: Request, error: Exception) -> Response:
    """Answer with an error."""
    told = explain(error)
    return JSONResponse(told.to_json(), told.status, told.headers)


def explain(error: Exception) -> ApiError:
    """What the client is told of an error; one that nobody thought of goes to the log with its traceback."""
    match error:
        case ApiError():
            return error
        case EngineClosed():
            return ApiError(
                503, "shutting_down", "the server is shutting down; ask again in a moment", None, "server_error"
            )
        case RequestValidationError():
            first = error.errors()[0]
            return bad_request(first["msg"], path(first["loc"]), "invalid_value")
        case HTTPException(__cause__=ApiError() as cause):  # FastAPI takes what its body raises for broken JSON
            return cause
        case HTTPException():
            messages = {404: "there is no such path", 405: "this path has another method"}
            message = messages.get(error.status_code, str(error.detail))
            return ApiError(error.status_code, None, message, headers=error.headers or {})
    log.error("a request failed", exc_info=error)
    return server_error()


def path(places: tuple[str | int, ...]) -> str | None:
    """Where in the request pydantic found something, without its names for the kinds of a union.

    >>> path(("body", "messages", 0, "content"))
    'messages[0].content'
    >>> path(("body", "prompt", "list[str]", 1))
    'prompt[1]'
    """
    named = [place for place in places[1:] if isinstance(place, int) or (place.isidentifier() and place.islower())]
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in named).lstrip(".") or None
