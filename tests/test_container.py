"""The image and its composition, read as text: there is no container engine where the tests run."""

from __future__ import annotations

import re

from tests.sources import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n\s*", " ", DOCKERFILE).splitlines()
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")


def said(instruction: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in LINES if line.startswith(f"{instruction} ")]


def test_the_base_is_slim_and_pinned_to_a_python_that_is_supported() -> None:
    assert len(said("FROM")) == 1 and re.fullmatch(r"python:3\.1[123]-slim\S*", said("FROM")[0])


def test_it_does_not_run_as_root() -> None:
    assert said("USER") == ["sori"]
    places = [number for number, line in enumerate(LINES) if line.startswith(("RUN ", "COPY ", "USER "))]
    assert LINES[places[-1]] == "USER sori", "everything is put in place before root is left"


def test_only_the_home_is_its_own_to_write() -> None:
    assert re.findall(r"chown \S+ (\S+)", DOCKERFILE) == ["var"]
    assert said("VOLUME") == ['["/srv/sori/var"]']


def test_health_is_asked_of_the_service() -> None:
    assert "/healthz" in said("HEALTHCHECK")[0] and "curl" not in DOCKERFILE
    assert said("EXPOSE") == ["8000"]


def test_commands_are_lists_so_that_signals_arrive() -> None:
    assert said("CMD") == ['["python", "main.py", "serve"]']
    assert said("ENTRYPOINT") == []


def test_no_secret_is_baked_in() -> None:
    assert not re.search(r"(PASSWORD|SECRET|API_KEYS)\S*=", DOCKERFILE)
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert any(line.rstrip("/") == "var" for line in ignored) and any(
        line.startswith(".git") for line in ignored
    )


def test_the_composition_lets_nobody_in_from_outside() -> None:
    assert '- "127.0.0.1:8000:8000"' in COMPOSE
    assert "cap_drop: [ALL]" in COMPOSE and "no-new-privileges:true" in COMPOSE
    assert int(re.findall(r"stop_grace_period: (\d+)s", COMPOSE)[0]) > 30
