"""Draws a report: what a request and a token cost beside others, how latencies are spread, and how far each goal is."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from turnout.benchmarks.figures import Figure, Report, show_number

OURS, THEIRS, MISSED = "#1f6f8b", "#9aa5ab", "#c0392b"
FAR = 20.0  # with a reference this many times dearer a linear axis would hide the others
TEXT = {"fontsize": 9, "color": "#333333"}


def draw_overhead(report: Report, file: Path) -> None:
    """One picture of four panels; a panel without data says so. The format goes by the file's ending."""
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11}):
        canvas = Canvas(figsize=(12, 8), layout="constrained")
        panels = canvas.subplots(2, 2)
        samples = report.samples
        _draw_costs(
            panels[0][0], samples.get("request_cost", {}), "ok", "CPU µs a request, c=32, 1 kB, upstream at 0 ms"
        )
        _draw_costs(
            panels[0][1], samples.get("token_cost", {}), "events", "CPU µs a streamed token, 16 streams, 5 ms apart"
        )
        _draw_latencies(panels[1][0], samples)
        _draw_goals(panels[1][1], report.figures)
        machine, versions = report.facts["machine"], report.facts["versions"]
        title = f"Turnout {versions.get('turnout', '')}: what the gateway adds"
        where = f"{machine['processor']}, {machine['cores']} cores; load average {machine['load_average_1min']}; {report.started_at}"
        canvas.suptitle(f"{title}\n{where}", x=0.01, ha="left", fontsize=12)
        canvas.savefig(file, dpi=150)


def _draw_costs(axes: Axes, samples: Mapping[str, Sequence[Mapping[str, Any]]], unit: str, title: str) -> None:
    axes.set_title(title, loc="left")
    rounds = {
        name: [sample["cpu_s"] * 1e6 / sample["result"][unit] for sample in found] for name, found in samples.items()
    }
    if not rounds:
        _say_nothing(axes)
        return
    medians = {name: statistics.median(costs) for name, costs in rounds.items()}
    names = sorted(medians, key=lambda name: medians[name], reverse=True)
    colours = [OURS if name == "turnout" else THEIRS for name in names]
    is_far = max(medians.values()) > FAR * min(medians.values())
    if is_far:  # a bar has no length on a logarithmic axis
        axes.scatter([medians[name] for name in names], names, c=colours, s=120)
        axes.set_xscale("log")
        axes.set_xlim(0.6 * min(medians.values()), 4 * max(medians.values()))
    else:
        axes.barh(names, [medians[name] for name in names], color=colours, height=0.55)
        axes.set_xlim(0, 1.25 * max(max(costs) for costs in rounds.values()))
    axes.margins(y=0.2)
    axes.set_xlabel("logarithmic; small dots are rounds" if is_far else "dots are rounds")
    for place, name in enumerate(names):
        axes.plot(rounds[name], [place] * len(rounds[name]), "o", color="#222222", markersize=3, alpha=0.6)
        said = f"{show_number(round(medians[name], 1))} µs"
        reach = max(medians[name], *rounds[name])
        axes.annotate(said, (reach, place), xytext=(9, -3), textcoords="offset points", **TEXT)


def _draw_latencies(axes: Axes, samples: Mapping[str, Any]) -> None:
    axes.set_title("Time at c=1, with the gateway and without: share of requests", loc="left")
    lines = [
        ("added_latency", "latency_samples_us", "whole answer", "-"),
        ("added_ttft", "ttft_samples_us", "first token", "--"),
    ]
    shortest, longest = math.inf, 0.0
    for scenario, key, label, style in lines:
        found = samples.get(scenario, [])
        for subject, colour in (("direct", THEIRS), ("turnout", OURS)):
            times_ms = sorted(
                time_us / 1e3 for sample in found if sample["subject"] == subject for time_us in sample["result"][key]
            )
            if not times_ms:
                continue
            shares = [(place + 1) / len(times_ms) for place in range(len(times_ms))]
            axes.plot(times_ms, shares, style, color=colour, label=f"{subject}, {label}")
            longest = max(longest, times_ms[int(0.95 * (len(times_ms) - 1))])
            shortest = min(shortest, times_ms[0])
    if not longest:
        _say_nothing(axes)
        return
    axes.set_xlim(shortest - 0.05 * (longest - shortest), longest)
    axes.set_xlabel("ms (the slowest 5 % are cut off)")
    axes.grid(visible=True, alpha=0.25)
    axes.legend(frameon=False, loc="lower right")


def _draw_goals(axes: Axes, figures: Sequence[Figure]) -> None:
    axes.set_title("Value as a share of its goal (left of the line is better)", loc="left")
    bounded = [figure for figure in reversed(figures) if figure.value is not None and figure.goal.at_most]
    if not bounded:
        _say_nothing(axes)
        return
    shares = [max(0.0, (figure.value or 0.0) / (figure.goal.at_most or 1.0)) for figure in bounded]
    colours = [OURS if figure.verdict == "reached" else MISSED for figure in bounded]
    axes.barh([figure.goal.name for figure in bounded], shares, color=colours, height=0.6)
    axes.axvline(1.0, color="#222222", linewidth=1)
    for place, (figure, share) in enumerate(zip(bounded, shares, strict=True)):
        value = f"{show_number(figure.value or 0.0)} {figure.goal.unit} ({figure.goal.bound})"
        axes.annotate(value, (share if share > 1 else 1.0, place), xytext=(6, -3), textcoords="offset points", **TEXT)
    axes.set_xlim(0, max(1.0, *shares) * 1.5)
    zeros = [figure for figure in figures if figure.value is not None and figure.goal.at_most == 0]
    if zeros:
        axes.set_xlabel("; ".join(f"{figure.goal.name}: {show_number(figure.value or 0.0)}" for figure in zeros))


def _say_nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "not measured in this run", ha="center", transform=axes.transAxes, **TEXT)
    axes.set_axis_off()
