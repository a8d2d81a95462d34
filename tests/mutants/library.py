"""Guards around the library: tables, playlists, the terminal and tags."""

from __future__ import annotations

from tests.mutants.guard import Guard

EXPORTS = "tests/library/collection/test_exports.py::"
TABLES = "library/collection/exports.py"

WRITTEN = (
    Guard(
        "formulas",
        TABLES,
        'return "".join(f"\'{part}" if _FORMULA.match(part) else part for part in _SEPARATOR.split(value))',
        "return value",
        (f"{EXPORTS}test_no_cell_of_a_table_is_a_formula[sqlite]",),
    ),
    Guard(
        "formulas-after-blanks",
        TABLES,
        'rf"[{_INVISIBLE}]*[=+',
        'rf"[=+',
        (f"{EXPORTS}test_no_cell_of_a_table_is_a_formula[sqlite]",),
    ),
    Guard(
        "formulas-after-separators",
        TABLES,
        "for part in _SEPARATOR.split(value)",
        "for part in [value]",
        (f"{EXPORTS}test_no_separator_makes_a_formula_of_a_cell[sqlite-;]",),
    ),
    Guard(
        "text-is-quoted",
        TABLES,
        "csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)",
        "csv.writer(file)",
        (f"{EXPORTS}test_text_of_a_table_is_quoted",),
    ),
    Guard(
        "paths-of-playlists",
        TABLES,
        "return path.as_uri() if _UNPLAYABLE.search(name) else name",
        "return name",
        (f"{EXPORTS}test_no_file_name_adds_a_line_to_a_playlist",),
    ),
    Guard(
        "titles-of-playlists",
        TABLES,
        "{' '.join(clean(title).split())}",
        "{title}",
        (f"{EXPORTS}test_no_title_adds_a_line_to_a_playlist",),
    ),
    Guard(
        "titles-of-charts",
        "web/pages/exports.py",
        'return _UNPRINTABLE.sub(" ", text).strip()',
        "return text",
        ("tests/web/pages/test_exports.py::test_chart_is_valid_svg_for_any_title",),
    ),
    Guard(
        "markup-of-charts",
        "templates/chart.svg",
        "{{ name | truncate(90",
        "{{ name | safe | truncate(90",
        ("tests/web/pages/test_exports.py::test_chart_is_valid_svg_for_any_title",),
    ),
    Guard(
        "whole-exports",
        TABLES,
        "        partial.unlink(missing_ok=True)\n",
        "",
        (f"{EXPORTS}test_a_file_is_written_completely_or_not_at_all",),
    ),
    Guard(
        "genres-are-described",
        "web/pages/genre_texts.py",
        '    "hiphop": Description(',
        '    "hip-hop": Description(',
        ("tests/web/pages/test_charts.py::test_every_genre_of_the_shipped_model_is_described",),
    ),
    Guard(
        "terminal-escapes",
        "ml/report/cells.py",
        're.sub(f"[{UNSAFE}]+", " ", text)',
        "text",
        ("tests/ml/report/test_cells.py::test_clean",),
    ),
    Guard(
        "positions-in-lists",
        "web/api/queries.py",
        " and abs(value) <= LARGEST",
        "",
        ("tests/web/pages/test_file_names.py::test_any_position_is_used_or_refused",),
    ),
)

REPLACEMENT = "library/collection/replacement.py"
CHANGES = "library/collection/tag_changes.py"
FILES = "tests/library/collection/test_replacement.py::"
COMMAND = "tests/library/collection/test_tag_changes.py::"
MEANWHILE = f"{FILES}test_a_file_that_changes_meanwhile_is_left_alone"

TAGGED = (
    Guard(
        "tags-of-links",
        REPLACEMENT,
        "            status = os.stat(path.name, dir_fd=folder, follow_symlinks=False)\n"
        "            if not stat.S_ISREG(status.st_mode):\n"
        "                raise LinkError()\n",
        "",
        (f"{FILES}test_a_link_is_left_alone",),
    ),
    Guard(
        "tags-of-hard-links",
        REPLACEMENT,
        "if status.st_nlink > 1:",
        "if False:",
        (f"{FILES}test_a_file_with_two_names_is_left_alone",),
    ),
    Guard(
        "tags-outside-of-the-folder",
        REPLACEMENT,
        "        if not real.is_relative_to(root):\n            raise OutsideError()\n",
        "        root = root if real.is_relative_to(root) else Path('/')\n",
        (f"{FILES}test_a_folder_behind_a_link_that_leads_out_is_left_alone",),
    ),
    Guard(
        "folders-that-become-links",
        REPLACEMENT,
        "os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW",
        "os.O_RDONLY | os.O_DIRECTORY",
        (f"{FILES}test_a_folder_that_becomes_a_link_before_it_is_opened",),
    ),
    Guard(
        "files-that-change-meanwhile",
        REPLACEMENT,
        "if _identity(now) != _identity(original.status):",
        "if False:",
        (MEANWHILE,),
    ),
    Guard(
        "files-that-gain-a-name-meanwhile",
        REPLACEMENT,
        "status.st_dev, status.st_ino, status.st_nlink,",
        "status.st_dev, status.st_ino,",
        (MEANWHILE,),
    ),
    Guard(
        "no-copy-stays",
        REPLACEMENT,
        "            os.unlink(name, dir_fd=original.folder)\n",
        "            pass\n",
        (f"{FILES}test_a_full_disk_leaves_the_file_whole",),
    ),
    Guard(
        "mode-of-the-file",
        REPLACEMENT,
        "    os.fchmod(copy, stat.S_IMODE(original.status.st_mode))\n",
        "",
        (f"{FILES}test_a_file_is_replaced_by_its_copy",),
    ),
    Guard(
        "undo-in-the-same-song",
        CHANGES,
        "if not _is_same_song(change, original.file):",
        "if False:",
        (f"{COMMAND}test_another_file_that_took_the_name_is_left_alone[mp3]",),
    ),
    Guard(
        "undo-of-unchanged-tags",
        CHANGES,
        " for name in changed if now.get(name) == after.get(name)}",
        " for name in changed}",
        (f"{COMMAND}test_tags_that_were_edited_since_stay[mp3]",),
    ),
    Guard(
        "undo-of-older-versions",
        CHANGES,
        "    if after is None:\n",
        "    after = after or before\n    if after is None:\n",
        (f"{COMMAND}test_a_change_of_an_older_version_is_not_undone_blindly",),
    ),
)

GUARDS = (*WRITTEN, *TAGGED)
