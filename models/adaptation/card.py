"""Writes CARD.md from CARD.template.md: the words are there, every figure comes from figures.json and the delta.

    python3 card.py
"""

import json

import paths

NAMES = {
    "published": "published network",
    "published, centred": "published, centred",
    "published, rotation": "published, rotated (Procrustes)",
    "published, map": "published, linear map",
    "delta, not centred": "delta, not centred",
    "delta": "**delta, as shipped**",
}
CORPORA = ("speechocean762", "arabic_commands", "asterisk")


def signed(interval):
    return " to ".join(f"{value:+.2f}" for value in interval)


def pooled_table(rows):
    """One row for each condition and network: all trials of the list under one threshold."""
    lines = ["| enrolled / tested | network | EER % | minDCF(0.01) | FRR % at FAR 1 % | change of EER | change of FRR |", "|---" * 7 + "|"]
    for row in rows:
        pooled = row["pooled"]
        low, high = pooled["eer_interval"]
        lines.append(
            f"| {row['condition']} | {NAMES[row['network']]} | {pooled['eer']:.2f} ({low:.2f} to {high:.2f}) | {pooled['min_dcf']:.3f} "
            f"| {pooled['frr_at_far_1']:.1f} | {signed(pooled['eer_change'])} | {signed(pooled['frr_at_far_1_change'])} |"
        )
    return "\n".join(lines)


def corpus_table(rows, condition):
    """By corpus, on the list and over all pairs, for one condition."""
    lines = ["| network | " + " | ".join(f"{corpus} {kind}" for kind in ("list", "pairs") for corpus in CORPORA) + " | mean of pairs |", "|---" * 8 + "|"]
    for row in rows:
        if row["condition"] == condition:
            pairs = [row[f"{corpus}, pairs"]["eer"] for corpus in CORPORA]
            cells = [f"{row[corpus]['eer']:.2f}" for corpus in CORPORA]
            cells += [f"{row[f'{corpus}, pairs']['eer']:.2f}" for corpus in CORPORA]
            lines.append(f"| {NAMES[row['network']]} | " + " | ".join(cells) + f" | {sum(pairs) / len(pairs):.2f} |")
    return "\n".join(lines)


def main():
    figures = json.loads(paths.FIGURES.read_text())
    words = {
        "sha224": figures["model_sha224"],
        "delta_bytes": f"{figures['delta_bytes']:,}",
        "replicates": str(figures["replicates"]),
        "pooled": pooled_table(figures["rows"]),
        "telephone": corpus_table(figures["rows"], "telephone / telephone"),
        "across": corpus_table(figures["rows"], "clean / telephone"),
    }
    text = (paths.HERE / "CARD.template.md").read_text(encoding="utf-8")
    for name, value in words.items():
        text = text.replace("{{" + name + "}}", value)
    (paths.HERE / "CARD.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
