"""Sign-ins as rows, so that signing out also ends a copy of the cookie."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from library.catalogue.database import Catalogue
from library.catalogue.tables import Base

KEPT_DAYS = 31


class SignIn(Base):
    __tablename__ = "sign_ins"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Random; the signed cookie holds it."""
    password_mark: Mapped[str] = mapped_column(String(64))
    """Of the password that was valid then. Another password ends the sign-in."""
    ends_at: Mapped[datetime] = mapped_column(index=True)


class SignIns:
    """The sign-ins of one database."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def add(self, password_mark: str) -> str:
        """The id of a new sign-in. Those that have ended are deleted."""
        now, sign_in_id = datetime.now(UTC), secrets.token_urlsafe(16)
        with self._catalogue.transaction() as session:
            session.execute(delete(SignIn).where(SignIn.ends_at < now))
            ends_at = now + timedelta(days=KEPT_DAYS)
            session.add(SignIn(id=sign_in_id, password_mark=password_mark, ends_at=ends_at))
        return sign_in_id

    def is_valid(self, sign_in_id: str, password_mark: str) -> bool:
        valid = select(SignIn.id).where(
            SignIn.id == sign_in_id, SignIn.password_mark == password_mark, SignIn.ends_at > datetime.now(UTC)
        )
        with self._catalogue.session() as session:
            return session.scalar(valid) is not None

    def delete(self, sign_in_id: str) -> None:
        with self._catalogue.transaction() as session:
            session.execute(delete(SignIn).where(SignIn.id == sign_in_id))
