"""Signing in with the one password, and out again."""

from __future__ import annotations

from flask import Blueprint, Flask, redirect, render_template, request, session, url_for
from werkzeug.security import check_password_hash
from werkzeug.wrappers import Response

from web.access import permissions
from web.access.errors import MissingError, WebError
from web.context import service

login = Blueprint("login", __name__)


class WrongPasswordError(WebError):
    code = "password"
    status = 403
    sentence = "That is not the password."


def install(app: Flask) -> None:
    app.register_blueprint(login)


@login.get("/login")
def show() -> str:
    _password_hash()
    return render_template("login.html", next=own_address(request.args.get("next", "")), error=None)


@login.post("/login")
def sign_in() -> Response | tuple[str, int]:
    target = own_address(request.form.get("next", ""))
    if not check_password_hash(_password_hash(), request.form.get("password", "")):
        page = render_template("login.html", next=target, error=WrongPasswordError())
        return page, WrongPasswordError.status
    # Nothing that was known before of this cookie is worth anything afterwards, but its songs stay its own.
    name = permissions.client()
    session.clear()
    session.update({"client": name, permissions.SIGNED_IN: permissions.password_mark()})
    session.permanent = True
    return redirect(target, 303)


@login.post("/logout")
def sign_out() -> Response:
    session.pop(permissions.SIGNED_IN, None)
    session.pop(permissions.FIELD, None)
    return redirect(url_for("pages.index"), 303)


def own_address(address: str) -> str:
    """An address of ours to go on to; nobody is led to another site."""
    is_ours = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_ours else url_for("pages.index")


def _password_hash() -> str:
    found = service().environment.password_hash
    if found is None:
        raise MissingError()
    return found
