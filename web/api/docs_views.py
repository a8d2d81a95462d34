"""The API's description, made from the code that answers: for programs as OpenAPI, for people as a page."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template

from web.api.openapi import document, operation, revalidated
from web.api.schemas import SCHEMAS

docs = Blueprint("docs", __name__, url_prefix="/api")

NAME = "openapi"


def install(app: Flask) -> None:
    app.register_blueprint(docs)


@docs.get("/openapi.json")
@operation("This description", "The whole API as OpenAPI 3.1.", answer={"type": "object"}, cached=True)
def openapi() -> Response:
    return jsonify(described())


@docs.get("/docs")
def page() -> Response:
    text = render_template("api.html", paths=described()["paths"], schemas=SCHEMAS, shape=shape)
    return revalidated(Response(text, mimetype="text/html"))


def described() -> dict[str, Any]:
    """The document; made once, since nothing of it changes while the service runs."""
    kept = current_app.extensions
    if NAME not in kept:
        kept[NAME] = document(current_app, SCHEMAS)
    found: dict[str, Any] = kept[NAME]
    return found


def shape(schema: dict[str, Any]) -> str:
    """A schema as an example of it, for people to read: names of other shapes stay names."""
    return json.dumps(_shape(schema), ensure_ascii=False, indent=2).replace('"<', "").replace('>"', "")


def _shape(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return f"<{schema['$ref'].rsplit('/', 1)[-1]}>"
    if "anyOf" in schema:
        first = _shape(schema["anyOf"][0])
        return f"{first[:-1]} | null>" if isinstance(first, str) else first
    if "enum" in schema:
        return "<" + " | ".join(f"'{one}'" for one in schema["enum"]) + ">"
    if "const" in schema:
        return schema["const"]
    if schema.get("type") == "array":
        return [_shape(schema["items"])]
    if "properties" in schema:
        return {name: _shape(one) for name, one in schema["properties"].items()}
    kinds = schema.get("type", "object")
    return f"<{kinds if isinstance(kinds, str) else ' | '.join(kinds)}>"
