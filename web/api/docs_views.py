"""The API's description: as OpenAPI for programs, as a page for people."""

from __future__ import annotations

import json
from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, render_template

from web.api.openapi import document, operation, revalidated
from web.api.schemas import SCHEMAS

docs = Blueprint("docs", __name__, url_prefix="/api")

NAME = "openapi"


@docs.get("/openapi.json")
@operation("This description", "The whole API as OpenAPI 3.1.", answer={"type": "object"}, cached=True)
def openapi() -> Response:
    return jsonify(description())


@docs.get("/docs")
def page() -> Response:
    text = render_template("api.html", paths=description()["paths"], schemas=SCHEMAS, shape=example_of)
    return revalidated(Response(text, mimetype="text/html"))


def description() -> dict[str, Any]:
    """The OpenAPI document, made once per application, since it never changes."""
    if NAME not in current_app.extensions:
        current_app.extensions[NAME] = document(current_app, SCHEMAS)
    return cast(dict[str, Any], current_app.extensions[NAME])


def example_of(schema: dict[str, Any]) -> str:
    """JSON with the types of the schema in place of values; named schemas stay names."""
    return json.dumps(_example_of(schema), ensure_ascii=False, indent=2).replace('"<', "").replace('>"', "")


def _example_of(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return f"<{schema['$ref'].rsplit('/', 1)[-1]}>"
    if "anyOf" in schema:
        first = _example_of(schema["anyOf"][0])
        return f"{first[:-1]} | null>" if isinstance(first, str) else first
    if "enum" in schema:
        return "<" + " | ".join(f"'{value}'" for value in schema["enum"]) + ">"
    if "const" in schema:
        return schema["const"]
    if schema.get("type") == "array":
        return [_example_of(schema["items"])]
    if "properties" in schema:
        return {name: _example_of(value) for name, value in schema["properties"].items()}
    kinds = schema.get("type", "object")
    return f"<{kinds if isinstance(kinds, str) else ' | '.join(kinds)}>"
