"""The API described by what runs it: one declaration beside each view reads its parameters and documents them.

`operation` wraps a view. What it declares is checked before the view is called, so that a view sees only values that
make sense; the same declarations become the OpenAPI document and the page that people read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
_PATH_PARTS = {
    "analysis_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,32}$"},
    "track_id": {"type": "integer", "minimum": 1, "maximum": LARGEST},
}
UNCHANGED = "The answer is as it was when it had this ETag."
NO_SONG = "The bytes are no song; the code says why."
SENTENCES = (UNCHANGED, NO_SONG)
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


class BadParameterError(WebError):
    code = "bad_parameter"
    sentence = "The parameter {name} cannot be “{value}”."


class NotAmongError(BadParameterError):
    sentence = "The parameter {name} cannot be “{value}”, only one of: {choices}."


class NotWithinError(BadParameterError):
    sentence = "The parameter {name} cannot be “{value}”, only a number from {least} to {most}."


class TooLongError(BadParameterError):
    sentence = "The parameter {name} is longer than {longest} letters."


class GivenTwiceError(BadParameterError):
    sentence = "The parameter {name} may be given only once."


class UnknownParameterError(BadParameterError):
    sentence = "There is no parameter {name} here."


@dataclass(frozen=True)
class Parameter:
    """One parameter of a query: how it is read, and how it is documented."""

    name: str
    description: str
    kind: type[str] | type[int] | type[float] | type[bool] = str
    choices: tuple[str, ...] = ()
    least: float = 0
    most: float = LARGEST
    longest: int = 200
    default: Any = None

    def read(self, text: str | None) -> Any:
        """The value of what was given; an empty text asks for nothing."""
        if text is None or (text == "" and self.kind is str and not self.choices):
            return self.default
        if self.kind is bool or self.choices:
            choices = self.choices or ("true", "false")
            if text not in choices:
                raise NotAmongError(name=self.name, value=text[:80], choices=", ".join(choices))
            return text == "true" if self.kind is bool else text
        if self.kind is str:
            if len(text) > self.longest:
                raise TooLongError(name=self.name, longest=self.longest)
            return text.replace("\0", "")
        pattern = _WHOLE if self.kind is int else _NUMBER
        if not pattern.fullmatch(text) or not self.least <= float(text) <= self.most:
            facts = {"least": f"{self.least:g}", "most": f"{self.most:g}"}
            raise NotWithinError(name=self.name, value=text[:80], **facts)
        return self.kind(text)

    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": _TYPES[self.kind]}
        if self.choices:
            found["enum"] = list(self.choices)
        elif self.kind in (int, float):
            found |= {"minimum": self.least, "maximum": self.most}
        elif self.kind is str:
            found["maxLength"] = self.longest
        if self.default is not None:
            found["default"] = self.default
        return found


@dataclass(frozen=True)
class Operation:
    """What one method of one address does. `answer` is the schema of its JSON, None where there is none."""

    summary: str
    description: str
    query: tuple[Parameter, ...]
    body: Mapping[str, Any] | None
    status: int
    answer: Mapping[str, Any] | None
    content_type: str
    errors: tuple[type[SoriError], ...]
    cached: bool

    def read(self) -> dict[str, Any]:
        """The query of this request, checked."""
        known = {one.name: one for one in self.query}
        for name, values in request.args.lists():
            if name not in known:
                raise UnknownParameterError(name=name[:80])
            if len(values) > 1:
                raise GivenTwiceError(name=name)
        return {name: one.read(request.args.get(name)) for name, one in known.items()}

    def said(self) -> list[str]:
        """What people read of it, for those who translate."""
        return [
            text
            for text in (self.summary, self.description, *(one.description for one in self.query))
            if text
        ]


View = Callable[..., Any]
DECLARED: list[Operation] = []


def operation(
    summary: str,
    description: str = "",
    *,
    query: tuple[Parameter, ...] = (),
    body: Mapping[str, Any] | None = None,
    status: int = 200,
    answer: Mapping[str, Any] | None = None,
    content_type: str = "application/json",
    errors: tuple[type[SoriError], ...] = (),
    cached: bool = False,
) -> Callable[[View], View]:
    """A view with its declaration. Its query is checked and passed on as `query`; `cached` gives it an ETag."""
    told = Operation(summary, description, query, body, status, answer, content_type, errors, cached)
    DECLARED.append(told)

    def wrap(view: View) -> View:
        @wraps(view)
        def checked(**parts: Any) -> Any:
            if parts.get("track_id", 1) > LARGEST:
                raise MissingError()
            values = told.read()
            if body is not None and request.mimetype not in body:
                raise UnsupportedTypeError()
            response = make_response(view(**parts, **({"query": values} if query else {})))
            return revalidated(response) if cached else response

        checked.__dict__["operation"] = told
        return checked

    return wrap


def revalidated(response: Response) -> Response:
    """Kept by the client and asked for again with its ETag: what did not change is not sent again."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(("Accept-Language", "Cookie"))
    response.add_etag()
    return cast(Response, response.make_conditional(request))


def operations(app: Flask) -> list[tuple[Rule, str, Operation]]:
    """Every address of the API with its method and declaration, in the order in which they were added."""
    found: list[tuple[Rule, str, Operation]] = []
    for rule in app.url_map.iter_rules():
        told = app.view_functions[rule.endpoint].__dict__.get("operation")
        if isinstance(told, Operation):
            methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            found.extend((rule, method, told) for method in sorted(methods))
    return found


def document(app: Flask, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The API as OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, told in operations(app):
        address = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(address, {})[method.lower()] = _described(rule, told)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sori",
            "version": VERSION,
            "description": "What a song sounds like, for programs.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(schemas),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _described(rule: Rule, told: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_PARTS[name]}
        for name in sorted(rule.arguments)
    ]
    parameters += [
        {"name": one.name, "in": "query", "description": one.description, "schema": one.schema()}
        for one in told.query
    ]
    found: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "summary": told.summary,
        "description": told.description,
        "parameters": parameters,
        "responses": _responses(rule, told),
    }
    if told.body is not None:
        content = {name: {"schema": schema} for name, schema in told.body.items()}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _responses(rule: Rule, told: Operation) -> dict[str, Any]:
    good: dict[str, Any] = {"description": told.summary}
    if told.answer is not None:
        good["content"] = {told.content_type: {"schema": told.answer}}
    responses: dict[str, Any] = {str(told.status): good}
    if told.cached:
        responses["304"] = {"description": UNCHANGED}
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for status, sentences in sorted(_refusals(rule, told).items()):
        responses[str(status)] = {"description": "\n".join(dict.fromkeys(sentences)), "content": refusal}
    return responses


def _refusals(rule: Rule, told: Operation) -> dict[int, list[str]]:
    kinds: list[type[SoriError]] = [BadParameterError, SignInError, TooOftenError, *told.errors]
    kinds += [ForbiddenError] if (rule.methods or set()) & {"POST", "DELETE"} else []
    kinds += [MissingError] if rule.arguments else []
    kinds += [UnsupportedTypeError] if told.body is not None else []
    found: dict[int, list[str]] = {}
    for kind in kinds:
        status = kind.status if issubclass(kind, WebError) else 422
        told_of = NO_SONG if kind is AudioError else kind.sentence
        found.setdefault(status, []).append(told_of)
    return found
