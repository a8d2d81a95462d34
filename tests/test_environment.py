"""Settings: right ones are read, a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from environment import Environment, SettingError, read_environment, read_language


def test_nothing_set_is_the_default() -> None:
    assert (
        read_environment({}) == Environment() == read_environment({"SORI_MAX_SECONDS": "", "SORI_DEBUG": ""})
    )
    assert Environment().max_seconds == 1200


def test_everything_set(tmp_path: Path) -> None:
    weights = tmp_path / "own.keras"
    weights.touch()
    variables = {"SORI_MAX_SECONDS": "90.5", "SORI_GENRE_WEIGHTS": str(weights), "SORI_DEBUG": "1"}
    variables["SORI_MOOD_WEIGHTS"] = str(weights)
    assert read_environment(variables) == Environment(
        max_seconds=90.5, genre_weights=weights, mood_weights=weights, debug=True
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("SORI_MAX_SECONDS", value) for value in ("0", "-5", "soon", "nan", "inf", "0.5")],
        ("SORI_GENRE_WEIGHTS", "nowhere.keras"),
        ("SORI_GENRE_WEIGHTS", "."),
        ("SORI_MOOD_WEIGHTS", "nowhere.npz"),
        ("SORI_DEBUG", "yes"),
        *[("SORI_PORT", value) for value in ("0", "65536", "http", "-1", "8e3", "٨")],
        ("SORI_WORKERS", "257"),
        ("SORI_MAX_UPLOAD_MB", "0"),
        ("SORI_EXPIRE_HOURS", "1.5"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{name} is “{value}”"):
        read_environment({name: value})


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "ko"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": ""}, "ko"),
        ({"LANG": "de_DE"}, "en"),
    ],
)
def test_the_language_follows_the_system(variables: dict[str, str], language: str) -> None:
    assert read_language(variables) == language
