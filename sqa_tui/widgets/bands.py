"""Phases laid out in lanes over a chart, so that their names do not cover each other."""

from __future__ import annotations

from sqa_tui.widgets.chart_data import Band


def lanes(bands: tuple[Band, ...], most: int) -> list[list[Band]]:
    """Bands in at most `most` lanes without overlap; a long one that finds no room is left out before a short one."""
    rows: list[list[Band]] = []
    for band in sorted(bands, key=lambda band: (band.end - band.start, band.start)):
        for row in rows:
            if all(band.end <= other.start or band.start >= other.end for other in row):
                row.append(band)
                break
        else:
            if len(rows) < most:
                rows.append([band])
    return [sorted(row, key=lambda band: band.start) for row in rows]


def covering(bands: tuple[Band, ...], x: float) -> Band | None:
    """The shortest band around `x`: inside a long phase the short one says more."""
    around = [band for band in bands if band.start <= x < band.end]
    return min(around, key=lambda band: band.end - band.start) if around else None
