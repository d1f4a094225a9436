"""A reliability plot as SVG: what posteriors claimed, and how often it was so."""

import numpy as np

SIZE, MARGIN = 360, 48
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def reliability(claimed, observed, shares, title):
    """Points of bins: claimed and observed shares of genuine speech; the larger a bin's share of the weight, the larger its point."""
    x = lambda value: MARGIN + value * SIZE
    y = lambda value: MARGIN + (1 - value) * SIZE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE + 2 * MARGIN}" height="{SIZE + 2 * MARGIN}" font-family="sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="white"/><text x="{MARGIN}" y="24" font-size="14">{title}</text>',
        f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" stroke="#999" stroke-dasharray="4 4"/>',
        f'<rect x="{x(0)}" y="{y(1)}" width="{SIZE}" height="{SIZE}" fill="none" stroke="#333"/>',
    ]
    for tick in TICKS:
        parts.append(f'<text x="{x(tick)}" y="{y(0) + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{x(0) - 6}" y="{y(tick) + 4}" text-anchor="end">{tick:g}</text>')
    line = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(claimed, observed))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1f5fa8"/>')
    for a, b, share in zip(claimed, observed, shares):
        parts.append(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="{2 + 20 * np.sqrt(share):.1f}" fill="#1f5fa8" fill-opacity="0.5"/>')
    parts.append(f'<text x="{x(0.5)}" y="{y(0) + 36}" text-anchor="middle">posterior of a genuine voice, half of all calls being attacks</text>')
    parts.append(f'<text transform="translate({x(0) - 36} {y(0.5)}) rotate(-90)" text-anchor="middle">share that was genuine</text></svg>')
    return "\n".join(parts) + "\n"
