"""The API's description, made from the declarations that check its requests.

`operation` decorates a view. The query is checked before the view is called, so that a view gets only valid values. The
same declarations become the OpenAPI document and the page for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from typing import Any, cast

from flask import Flask, Response, make_response, request
from werkzeug.routing import Rule

from ml.report.errors import AudioError, SoriError
from web.access.errors import ForbiddenError, MissingError, SignInError, UnsupportedTypeError, WebError
from web.access.rate_limits import TooOftenError

VERSION = "1.0.0"
LARGEST = 2**53 - 1
"""The largest whole number that every JSON reader keeps."""
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?([eE][+-]?\d{1,2})?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,16}", re.ASCII)
_PATH_SCHEMAS = {
    "analysis_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,32}$"},
    "track_id": {"type": "integer", "minimum": 1, "maximum": LARGEST},
}
UNCHANGED = "The answer has not changed since this ETag."
NOT_READABLE = "The file cannot be read as audio; the code gives the reason."
SENTENCES = (UNCHANGED, NOT_READABLE)
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


class BadParameterError(WebError):
    code = "bad_parameter"
    sentence = "The parameter {name} cannot be “{value}”."


class ChoiceError(BadParameterError):
    sentence = "The parameter {name} is “{value}”, but it must be one of: {choices}."


class RangeError(BadParameterError):
    sentence = "The parameter {name} is “{value}”, but it must be a number from {minimum} to {maximum}."


class TooLongError(BadParameterError):
    sentence = "The parameter {name} is longer than {max_length} characters."


class RepeatedParameterError(BadParameterError):
    sentence = "The parameter {name} is given more than once."


class UnknownParameterError(BadParameterError):
    sentence = "There is no parameter {name} here."


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query: how it is read and documented."""

    name: str
    description: str
    kind: type[str] | type[int] | type[float] | type[bool] = str
    choices: tuple[str, ...] = ()
    minimum: float = 0
    maximum: float = LARGEST
    max_length: int = 200
    default: Any = None

    def read(self, text: str | None) -> Any:
        """The value of the given text; an empty text counts as not given."""
        if text is None or (text == "" and self.kind is str and not self.choices):
            return self.default
        if self.kind is bool or self.choices:
            choices = self.choices or ("true", "false")
            if text not in choices:
                raise ChoiceError(name=self.name, value=text[:80], choices=", ".join(choices))
            return text == "true" if self.kind is bool else text
        if self.kind is str:
            if len(text) > self.max_length:
                raise TooLongError(name=self.name, max_length=self.max_length)
            return text.replace("\0", "")
        pattern = _WHOLE if self.kind is int else _NUMBER
        if not pattern.fullmatch(text) or not self.minimum <= float(text) <= self.maximum:
            facts = {"minimum": f"{self.minimum:g}", "maximum": f"{self.maximum:g}"}
            raise RangeError(name=self.name, value=text[:80], **facts)
        return self.kind(text)

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": _TYPES[self.kind]}
        if self.choices:
            schema["enum"] = list(self.choices)
        elif self.kind in (int, float):
            schema |= {"minimum": self.minimum, "maximum": self.maximum}
        elif self.kind is str:
            schema["maxLength"] = self.max_length
        if self.default is not None:
            schema["default"] = self.default
        return schema


View = Callable[..., Any]
DECLARED: list[Operation] = []


@dataclass(frozen=True)
class Operation:
    """Declares and decorates a view. The view gets the checked query as `query`; `cached` adds an ETag.

    `answer` is the schema of the JSON that it answers with; None where there is none.
    """

    summary: str
    description: str = ""
    _: KW_ONLY
    query: tuple[Parameter, ...] = ()
    body: Mapping[str, Any] | None = None
    status: int = 200
    answer: Mapping[str, Any] | None = None
    content_type: str = "application/json"
    errors: tuple[type[SoriError], ...] = ()
    cached: bool = False

    def __call__(self, view: View) -> View:
        DECLARED.append(self)

        @wraps(view)
        def checked(**path: Any) -> Any:
            if path.get("track_id", 1) > LARGEST:
                raise MissingError()
            query = self._read_query()
            if self.body is not None and request.mimetype not in self.body:
                raise UnsupportedTypeError()
            response = make_response(view(**path, **({"query": query} if self.query else {})))
            return revalidated(response) if self.cached else response

        checked.__dict__["operation"] = self
        return checked

    def _read_query(self) -> dict[str, Any]:
        """The query of this request, checked."""
        parameters = {parameter.name: parameter for parameter in self.query}
        for name, values in request.args.lists():
            if name not in parameters:
                raise UnknownParameterError(name=name[:80])
            if len(values) > 1:
                raise RepeatedParameterError(name=name)
        return {name: parameter.read(request.args.get(name)) for name, parameter in parameters.items()}

    def texts(self) -> list[str]:
        """What people read of it, for the translations."""
        texts = (self.summary, self.description, *(parameter.description for parameter in self.query))
        return [text for text in texts if text]


operation = Operation
"""The decorator: `@operation("List tracks", answer=...)`."""


def revalidated(response: Response) -> Response:
    """Clients may store the response and ask with its ETag; what has not changed is not sent again."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(("Accept-Language", "Cookie"))
    response.add_etag()
    return cast(Response, response.make_conditional(request))


def operations(app: Flask) -> list[tuple[Rule, str, Operation]]:
    """Every address of the API with its method and declaration, in the order in which they were added."""
    declared = [
        (rule, app.view_functions[rule.endpoint].__dict__.get("operation")) for rule in app.url_map.iter_rules()
    ]
    return [
        (rule, method, operation)
        for rule, operation in declared
        if isinstance(operation, Operation)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def document(app: Flask, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The API as OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, declared in operations(app):
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation_object(rule, declared)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sori",
            "version": VERSION,
            "description": "Genre, tempo, key, mood and similar tracks of songs.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": dict(schemas), "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"key": []}],
    }


def _operation_object(rule: Rule, declared: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS[name]} for name in sorted(rule.arguments)
    ]
    parameters += [
        {"name": item.name, "in": "query", "description": item.description, "schema": item.schema()}
        for item in declared.query
    ]
    description: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "summary": declared.summary,
        "description": declared.description,
        "parameters": parameters,
        "responses": _responses_object(rule, declared),
    }
    if declared.body is not None:
        content = {name: {"schema": schema} for name, schema in declared.body.items()}
        description["requestBody"] = {"required": True, "content": content}
    return description


def _responses_object(rule: Rule, declared: Operation) -> dict[str, Any]:
    success: dict[str, Any] = {"description": declared.summary}
    if declared.answer is not None:
        success["content"] = {declared.content_type: {"schema": declared.answer}}
    responses: dict[str, Any] = {str(declared.status): success}
    if declared.cached:
        responses["304"] = {"description": UNCHANGED}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for status, sentences in sorted(_error_sentences(rule, declared).items()):
        responses[str(status)] = {"description": "\n".join(dict.fromkeys(sentences)), "content": error}
    return responses


def _error_sentences(rule: Rule, declared: Operation) -> dict[int, list[str]]:
    kinds: list[type[SoriError]] = [BadParameterError, SignInError, TooOftenError, *declared.errors]
    kinds += [ForbiddenError] if (rule.methods or set()) & {"POST", "DELETE"} else []
    kinds += [MissingError] if rule.arguments else []
    kinds += [UnsupportedTypeError] if declared.body is not None else []
    sentences: dict[int, list[str]] = {}
    for kind in kinds:
        status = kind.status if issubclass(kind, WebError) else 422
        sentences.setdefault(status, []).append(NOT_READABLE if kind is AudioError else kind.sentence)
    return sentences
