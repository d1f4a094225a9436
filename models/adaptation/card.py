"""Writes CARD.md from CARD.template.md: the words are there, every figure comes from figures.json and the delta.

    python3 card.py
"""

import json

import paths

NAMES = {"published": "published network", "map": "published, linear map", "left out": "**adapted, corpus unseen**", "final": "adapted, as shipped"}
CORPORA = ("speechocean762", "arabic_commands", "asterisk")


def table(rows, band, networks):
    lines = ["| network | " + " | ".join(f"{corpus} {kind}" for kind in ("list", "pairs") for corpus in CORPORA) + " | merit |", "|---" * 8 + "|"]
    for network in networks:
        found = {row["corpus"]: row for row in rows if row["band"] == band and row["network"] == network}
        cells = [f"{found[corpus][kind][0]:.2f} / {found[corpus][kind][1]:.3f}" for kind in ("list", "pairs") for corpus in CORPORA]
        merit = sum(found[corpus]["pairs"][1] for corpus in CORPORA) / len(CORPORA)
        lines.append(f"| {NAMES[network]} | " + " | ".join(cells) + f" | {merit:.4f} |")
    return "\n".join(lines)


def calibration_table(calibrations):
    lines = ["| network | all | " + " | ".join(f"{corpus} left out" for corpus in CORPORA) + " |", "|---" * 5 + "|"]
    for network in ("published", "map", "left out", "final"):
        found = calibrations[network]
        lines.append(f"| {NAMES[network]} | " + " | ".join(f"{found[name]:.3f}" for name in ("all", *CORPORA)) + " |")
    return "\n".join(lines)


def main():
    figures = json.loads(paths.FIGURES.read_text())
    words = {
        "sha224": figures["model_sha224"],
        "delta_bytes": f"{figures['delta_bytes']:,}",
        "telephone": table(figures["rows"], "telephone", ("published", "map", "left out", "final")),
        "one_calibration": calibration_table(figures["one_calibration"]),
        "wide_band": table(figures["rows"], "wide band", ("published", "left out", "final")),
    }
    text = (paths.HERE / "CARD.template.md").read_text(encoding="utf-8")
    for name, value in words.items():
        text = text.replace("{{" + name + "}}", value)
    (paths.HERE / "CARD.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
