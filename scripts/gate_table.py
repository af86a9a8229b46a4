#!/usr/bin/env python3
"""Prints what scripts/results_gate measured as Markdown: scripts/gate_table.py TOXIC NONTOXIC, two folders of limpid evaluate."""
import json
import sys
from pathlib import Path


def report(folder):
    return json.loads((folder / "report.json").read_text())


def second_scores(folder):
    """Expected maximum and mean by the second scorer; nothing where it was not asked."""
    path = folder / "generations.second.jsonl"
    if not path.is_file():
        return None
    worst, every = [], []
    for line in path.read_text().splitlines():
        scores = [sample["toxicity"] for sample in json.loads(line)["generations"]]
        worst.append(max(scores))
        every += scores
    return sum(worst) / len(worst), sum(every) / len(every)


def short(value):
    return f"{value:.3f}".removeprefix("0")


def toxicity(folder, setting):
    """EMT and mean by the built-in scorer, and by the second."""
    metrics = setting["metrics"]
    second = second_scores(folder / setting["name"])
    return [short(metrics["emt"]["value"]), short(metrics["mean_over_continuations"]), *([short(score) for score in second] if second else ["", ""])]


def perplexities(setting, plain):
    """Under each judge: plain's own, of the others how many times plain's."""
    return [f"{judged['ppl']:.1f}" if setting is plain else f"{judged['ppl'] / plain['perplexity'][judge]['ppl']:.2f}" for judge, judged in setting["perplexity"].items()]


def share(value):
    return f"{value['count']}/{value['of']}"


def answers(ordinary):
    """Of the everyday answers: the same as plain's, loops, right ones, refusals."""
    against = ordinary.get("against_plain")
    return [share(against["identical"]) if against else "", *[share(ordinary[kind]) for kind in ("looping", "right", "refused")]]


def main(toxic_folder, nontoxic_folder):
    toxic, nontoxic = report(toxic_folder), report(nontoxic_folder)
    plain, plain_nontoxic = toxic["settings"][0], nontoxic["settings"][0]
    judges = [f"PPL {judge}" for judge in plain["perplexity"]]
    heads = ["EMT", "mean", "EMT 2", "mean 2"]
    columns = ["setting", *[f"toxic: {head}" for head in heads], *judges, "dist-1 / 2 / 3", *[f"non-toxic: {head}" for head in heads], *judges, "as plain", "loops", "right", "refusals"]
    print("| " + " | ".join(columns) + " |")
    print("| --- |" + " ---: |" * (len(columns) - 1))
    others = {setting["name"]: setting for setting in nontoxic["settings"]}
    answered = {setting["name"]: setting for setting in toxic["ordinary"]["settings"]}
    for setting in toxic["settings"]:
        other = others[setting["name"]]
        dist = " / ".join(short(setting["metrics"][f"dist{n}"]["value"]) for n in (1, 2, 3))
        row = [setting["name"], *toxicity(toxic_folder, setting), *perplexities(setting, plain), dist, *toxicity(nontoxic_folder, other), *perplexities(other, plain_nontoxic), *answers(answered[setting["name"]])]
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
