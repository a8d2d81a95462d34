"""The Dockerfile and compose.yaml, read as text because the tests have no container engine."""

from __future__ import annotations

import re

from tests.sources import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n\s*", " ", DOCKERFILE).splitlines()
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")


def values_of(instruction: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in LINES if line.startswith(f"{instruction} ")]


def test_the_base_is_slim_and_a_supported_python() -> None:
    assert len(values_of("FROM")) == 1 and re.fullmatch(r"python:3\.1[123]-slim\S*", values_of("FROM")[0])


def test_it_does_not_run_as_root() -> None:
    assert values_of("USER") == ["sori"]
    line_numbers = [number for number, line in enumerate(LINES) if line.startswith(("RUN ", "COPY ", "USER "))]
    assert LINES[line_numbers[-1]] == "USER sori", "root does everything before the user changes"


def test_only_the_home_is_writable() -> None:
    assert re.findall(r"chown \S+ (\S+)", DOCKERFILE) == ["var"]
    assert values_of("VOLUME") == ['["/srv/sori/var"]']


def test_the_health_check_uses_the_service() -> None:
    assert "/healthz" in values_of("HEALTHCHECK")[0] and "curl" not in DOCKERFILE
    assert values_of("EXPOSE") == ["8000"]


def test_commands_are_lists_so_that_signals_arrive() -> None:
    assert values_of("CMD") == ['["python", "main.py", "serve"]']
    assert values_of("ENTRYPOINT") == []


def test_the_image_contains_no_secret() -> None:
    assert not re.search(r"(PASSWORD|SECRET|API_KEYS)\S*=", DOCKERFILE)
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert any(line.rstrip("/") == "var" for line in ignored) and any(line.startswith(".git") for line in ignored)


def test_the_composition_is_not_reachable_from_outside() -> None:
    assert '- "127.0.0.1:8000:8000"' in COMPOSE
    assert "cap_drop: [ALL]" in COMPOSE and "no-new-privileges:true" in COMPOSE
    assert int(re.findall(r"stop_grace_period: (\d+)s", COMPOSE)[0]) > 30
