"""Downloads from a hub of our own, in all the ways in which they go wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub", reason="needs requirements-lyrics.txt")

from ml.lyrics import errors
from ml.lyrics.download import Listing, download, look_up
from ml.lyrics.hub import model_folder
from tests.ml.lyrics.hub_server import COMMIT, Hub, served

MODEL = "someone/small"
WEIGHTS = bytes(range(256)) * 4000
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS, "vocab.json": b'{"a": 0}'}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with served(Hub({MODEL: dict(FILES)})) as running:
        yield running


def ignore_bytes(_done: int) -> None:
    pass


def fetch(hub: Hub, folder: Path, model: str = MODEL) -> Path:
    return download(look_up(model, hub.address), folder, ignore_bytes, hub.address)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_listing_has_size_and_licence(hub: Hub) -> None:
    listing = look_up(MODEL, hub.address)
    assert (listing.licence, listing.commit) == ("apache-2.0", COMMIT)
    assert listing.size == sum(map(len, FILES.values()))


def test_a_download_is_found_by_name_and_needs_no_network_afterwards(hub: Hub, tmp_path: Path) -> None:
    sizes: list[int] = []
    listing = look_up(MODEL, hub.address)
    folder = download(listing, tmp_path, sizes.append, hub.address)
    assert model_folder(MODEL, tmp_path) == folder
    assert contents(folder) == FILES
    assert sizes == sorted(sizes) and sizes[-1] == listing.size
    assert not any((tmp_path / ".partial").iterdir())


def test_only_needed_files_are_downloaded(hub: Hub, tmp_path: Path) -> None:
    unneeded = ["pytorch_model.bin", "flax_model.msgpack", "modeling_own.py", "README.md", "model.fp32.safetensors"]
    hub.models[MODEL] |= dict.fromkeys(unneeded, b"x")
    assert contents(fetch(hub, tmp_path)) == FILES


def test_other_weights_are_downloaded_where_there_are_no_safe_ones(hub: Hub, tmp_path: Path) -> None:
    hub.models[MODEL]["pytorch_model.bin"] = hub.models[MODEL].pop("model.safetensors")
    assert "pytorch_model.bin" in contents(fetch(hub, tmp_path))


def test_weights_in_several_files_are_all_downloaded(hub: Hub, tmp_path: Path) -> None:
    del hub.models[MODEL]["model.safetensors"]
    parts = {f"model-0000{number}-of-00002.safetensors": b"x" * number for number in (1, 2)}
    hub.models[MODEL] |= {**parts, "model.safetensors.index.json": b"{}"}
    assert parts.items() <= contents(fetch(hub, tmp_path)).items()


@pytest.mark.parametrize("name", ["../x", "../../config.json", "/x.json", "a/../../x.json", "..\\x.json", "C:x.json"])
def test_no_name_leads_out_of_the_folder(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.extra_names = [name, "sub/config.json", ".hidden", "config.json\0", "config.json\n"]
    models = tmp_path / "a" / "b" / "models"
    assert contents(fetch(hub, models)) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert not any(path.name == "x" or path.name == "x.json" for path in tmp_path.rglob("*"))
    assert not any("harm" in path or ".." in path for path, _ in hub.requests)


@pytest.mark.parametrize("name", ["../small", "a/b/c", "", "/etc", "a/..", "a\\b", "~/x", "a b"])
def test_a_wrong_name_is_refused_without_a_request(hub: Hub, name: str) -> None:
    with pytest.raises(errors.ModelNameError):
        look_up(name, hub.address)
    assert hub.requests == []


def interrupt(hub: Hub, folder: Path) -> Listing:
    """Stop a download with Ctrl-C, when a part of the weights is there."""
    listing = look_up(MODEL, hub.address)

    def stop(done: int) -> None:
        if done > len(WEIGHTS) // 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(listing, folder, stop, hub.address)
    return listing


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 50_000)


@pytest.mark.usefixtures("small_pieces")
def test_an_interrupted_download_continues_in_the_next_run(hub: Hub, tmp_path: Path) -> None:
    listing = interrupt(hub, tmp_path)
    with pytest.raises(errors.ModelMissingError):  # what is half there is no model
        model_folder(MODEL, tmp_path)
    hub.requests.clear()
    sizes: list[int] = []
    folder = download(listing, tmp_path, sizes.append, hub.address)
    assert contents(folder) == FILES
    (start,) = [int(span.removeprefix("bytes=").rstrip("-")) for _, span in hub.requests if span]
    assert start > len(WEIGHTS) // 3
    assert not any("config.json" in path for path, _ in hub.requests)  # complete files are not downloaded again
    assert sizes[0] >= len(FILES["config.json"]) and sizes[-1] == listing.size


@pytest.mark.usefixtures("small_pieces")
def test_a_hub_that_cannot_continue_sends_all_of_it(hub: Hub, tmp_path: Path) -> None:
    listing = interrupt(hub, tmp_path)
    hub.ignores_ranges = True
    assert contents(download(listing, tmp_path, ignore_bytes, hub.address)) == FILES


@pytest.mark.usefixtures("small_pieces")
def test_a_connection_that_breaks_is_continued_at_once(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    hub.cut_after = len(WEIGHTS) // 3
    assert contents(fetch(hub, tmp_path)) == FILES
    assert sum(span is not None for _, span in hub.requests) == 3


def test_a_hub_that_goes_away_leaves_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with served(Hub({MODEL: dict(FILES)})) as hub:
        listing = look_up(MODEL, hub.address)
    with pytest.raises(errors.HubUnreachableError, match="Check the network"):
        download(listing, tmp_path, ignore_bytes, hub.address)
    with pytest.raises(errors.HubUnreachableError):
        look_up(MODEL, hub.address)
    assert not (tmp_path / "someone--small").exists()


def test_a_damaged_file_is_deleted(hub: Hub, tmp_path: Path) -> None:
    hub.stated_sha256 = "0" * 64
    with pytest.raises(errors.DownloadDamagedError, match=r"model.safetensors of someone/small arrived damaged"):
        fetch(hub, tmp_path)
    hub.stated_sha256 = None
    assert contents(fetch(hub, tmp_path)) == FILES


def test_a_model_that_does_not_exist(hub: Hub) -> None:
    with pytest.raises(errors.HubModelMissingError, match="no public model called someone/else"):
        look_up("someone/else", hub.address)


def test_a_model_whose_terms_were_not_accepted(hub: Hub, tmp_path: Path) -> None:
    hub.gated = True
    with pytest.raises(errors.HubAccessError, match="accepted its terms"):
        fetch(hub, tmp_path)


@pytest.mark.parametrize("answer", [{}, [], {"id": MODEL, "sha": "../../x"}, {"siblings": 3}, "text"])
def test_a_wrong_answer_is_one_sentence(hub: Hub, answer: object) -> None:
    hub.answer = answer  # type: ignore[assignment]
    with pytest.raises(errors.HubAnswerError):
        look_up(MODEL, hub.address)


def test_a_model_without_weights_is_refused(hub: Hub) -> None:
    del hub.models[MODEL]["model.safetensors"]
    with pytest.raises(errors.HubFilesError):
        look_up(MODEL, hub.address)


def test_a_folder_that_cannot_be_written_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(errors.ModelsFolderError, match="models"):
        fetch(hub, tmp_path / "models")
