"""A picture of simulated days: what becomes of calls, half-hour by half-hour, without the bot and with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from callbot.errors import ReportError
from callbot.quality.charts import HATCHES, MOST_LABELS, style
from callbot.quality.simulate import Result

LABELS = {
    "contained": "résolus par le robot",
    "human": "répondus par une personne",
    "message": "message ou rappel",
    "lost": "sans réponse",
}
COLOURS = {"contained": 0, "human": 1, "message": 2, "lost": 4}


def draw(results: Mapping[str, Result], path: Path, height: float = 3.4) -> None:
    """Draw the days side by side.

    Args:
        results: by title.
        path: of the PNG.

    Raises:
        ReportError: it can't be written.
    """
    from matplotlib.figure import Figure

    with style("light") as colours:
        drawing = Figure(figsize=(9, height * len(results) + 0.5), layout="constrained")
        many = drawing.subplots(len(results), 1, sharex=True, sharey=True, squeeze=False)
        minutes = sorted({minute for one in results.values() for minute, _ in one.by_half_hour})
        places = [place for place, _ in enumerate(minutes)]
        for axes, (title, result) in zip(many[:, 0], results.items(), strict=True):
            floor = [0.0] * len(minutes)
            for fate, label in LABELS.items():
                heights = [result.by_half_hour.get((minute, fate), 0.0) for minute in minutes]
                if any(heights):
                    colour, hatch = colours["series"][COLOURS[fate]], HATCHES[COLOURS[fate]]
                    axes.bar(
                        places, heights, bottom=floor, width=0.85, color=colour, hatch=hatch, label=label
                    )
                floor = [low + high for low, high in zip(floor, heights, strict=True)]
            axes.set_title(title, loc="left", fontsize=11)
            axes.set_ylabel("appels par demi-heure")
            place = {"loc": "lower right", "bbox_to_anchor": (1.0, 0.99), "ncols": len(LABELS)}
            axes.legend(**place, fontsize=9, columnspacing=1.2, handlelength=1.5)
        shown = slice(None, None, -(-len(minutes) // MOST_LABELS) or 1)
        axes.set_xticks(places[shown], [f"{minute // 60}:{minute % 60:02}" for minute in minutes[shown]])
        axes.set_xlabel("début de la demi-heure où l'appel arrive")
        try:
            drawing.savefig(path, format="png", dpi=110)
        except OSError as error:
            raise ReportError(f"can't write {path}: {error.strerror}") from error
