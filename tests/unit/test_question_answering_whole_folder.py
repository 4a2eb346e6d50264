"""Files that come into a folder together, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.question_answering.whole_folder import STAGING, together


def test_all_come_when_the_last_one_is_written(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("old")
    (tmp_path / "kept").write_text("kept")
    with together(tmp_path) as staging:
        (staging / "config.json").write_text("new")
        (staging / "deep").mkdir()
        (staging / "deep" / "weights").write_text("new")
        assert (tmp_path / "config.json").read_text() == "old"
    found = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"config.json": "new", "deep/weights": "new", "kept": "kept"}
    assert not (tmp_path / STAGING).exists()


def test_none_comes_where_one_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("old")
    (tmp_path / STAGING).mkdir()
    (tmp_path / STAGING / "left").write_text("of a run that was killed")

    def write() -> None:
        with together(tmp_path) as staging:
            (staging / "config.json").write_text("new")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert (tmp_path / "config.json").read_text() == "old"
