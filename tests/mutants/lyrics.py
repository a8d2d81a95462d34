"""Guards around lyrics and the models that read them, which come from strangers."""

from __future__ import annotations

from tests.mutants.guard import Guard

WRITTEN = "tests/ml/lyrics/test_written.py::"
LRC = "tests/ml/lyrics/test_lrc.py::"
RECOGNITION = "tests/ml/lyrics/speech/test_recognition.py::"
DOWNLOAD = "tests/ml/lyrics/test_download.py::"

GUARDS = (
    Guard(
        "links-beside-a-song",
        "ml/lyrics/written.py",
        "if path.is_symlink() or not path.is_file():",
        "if not path.is_file():",
        (f"{WRITTEN}test_links_folders_and_pipes_beside_a_song_are_ignored",),
    ),
    Guard(
        "clean-lines",
        "ml/lyrics/lrc.py",
        "return clean(line[:MAX_LINE_LENGTH])",
        "return line[:MAX_LINE_LENGTH]",
        (f"{LRC}test_any_text_gives_clean_lines",),
    ),
    Guard(
        "characters-of-lyrics",
        "ml/lyrics/lrc.py",
        "        left -= len(line.text)\n",
        "",
        (f"{LRC}test_long_texts_are_cut",),
    ),
    Guard(
        "code-in-a-model",
        "ml/lyrics/speech/recognition.py",
        '"trust_remote_code": False',
        '"trust_remote_code": True',
        (f"{RECOGNITION}test_code_in_the_folder_is_never_run",),
    ),
    Guard(
        "names-of-models",
        "ml/lyrics/hub.py",
        'if not _NAME.fullmatch(model) or ".." in model:',
        "if not model:",
        (f"{DOWNLOAD}test_a_wrong_name_is_refused_without_a_request",),
    ),
    Guard(
        "hash-of-a-download",
        "ml/lyrics/download.py",
        "if file.sha256 and _sha256(part) != file.sha256:",
        "if False:",
        (f"{DOWNLOAD}test_a_damaged_file_is_deleted",),
    ),
)
