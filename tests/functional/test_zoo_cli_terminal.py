"""`sqa-tui zoo` on a narrow terminal: figures and reasons are kept, and no stub is cut."""

from __future__ import annotations

import sys

import pytest

from engine.zoo import list_entries
from sqa_tui.cli import main


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    return capsys


def test_a_list_has_whole_stubs_and_their_figures(terminal: pytest.CaptureFixture[str]):
    assert main(["zoo", "list"]) == 0
    lines = terminal.readouterr().out.splitlines()
    entries = list_entries()
    assert lines[2::2] == [entry.stub for entry in entries]
    for entry, figures in zip(entries, lines[3::2], strict=True):
        assert len(figures) <= 80
        assert entry.source in figures
        assert entry.f1 is None or f"{entry.f1:.2f}" in figures


def test_sources_have_their_states_and_reasons_whole(terminal: pytest.CaptureFixture[str]):
    assert main(["zoo", "sources", "--offline"]) == 0
    out = terminal.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    reasons = " ".join(line[51:].strip() for line in out.splitlines())
    assert "unavailable" in out
    assert "set SPARSEZOO_API_URL to a server of yours" in reasons
