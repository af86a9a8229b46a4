"""Text that a model wrote itself, sorted by a scorer into safe and toxic: what calibrators of that model learn best from.

    python self_text.py prompts DATA-FOLDER -o prompts.jsonl            openings of texts whose licences allow it
    python self_text.py sort SCORED.jsonl --safe safe.jsonl --toxic toxic.jsonl

Between the two, `limpid generate --prompts prompts.jsonl` and `limpid score` (scripts/train_demo_detoxifier.sh). A row is the
opening with its continuation, {"text"}; only the continuation's score counts.
"""
import argparse
import json
import random
import re

# CC0, MIT, Apache-2.0, CC BY: docs/data-recipe.md.
COMMENT_SOURCES = {"olid": 1.0, "civil_comments_spans": 1.0, "surge_toxicity": 1.0, "hatexplain": 0.3}


def rows(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def openings(data, draw):
    """The first 3 to 12 words of texts of many kinds, toxic and not, without the marks of their platforms."""
    texts = []
    for row in rows(f"{data}/labelled/toxic_comments_train.jsonl"):
        if draw.random() < COMMENT_SOURCES.get(row["source"], 0.0):
            texts.append(row["text"])
    for row in rows(f"{data}/pairs/paradetox.jsonl"):
        texts.append(row[draw.choice(["toxic", "neutral"])])
    texts += [row["prompt"] for row in rows(f"{data}/safety/dialogues.jsonl") if row["source"] == "diasafety"]
    draw.shuffle(texts)
    for text in texts:
        words = re.sub(r"\b(USER|URL|EMAIL)\b|@\S+|#", "", text).split()
        if len(words) >= 6:
            yield " ".join(words[: draw.randint(3, min(12, len(words) - 2))])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    prompts = commands.add_parser("prompts")
    prompts.add_argument("data")
    prompts.add_argument("-o", "--output", required=True)
    prompts.add_argument("--count", type=int, default=12000)
    prompts.add_argument("--seed", type=int, default=1)
    sort = commands.add_parser("sort")
    sort.add_argument("scored")
    sort.add_argument("--safe", required=True)
    sort.add_argument("--toxic", required=True)
    sort.add_argument("--below", type=float, default=0.2)
    sort.add_argument("--above", type=float, default=0.5)
    options = parser.parse_args()

    if options.command == "prompts":
        with open(options.output, "w", encoding="utf-8") as out:
            for number, prompt in enumerate(openings(options.data, random.Random(options.seed))):
                if number == options.count:
                    break
                out.write(json.dumps({"prompt": prompt}) + "\n")
        return
    with open(options.safe, "w", encoding="utf-8") as safe, open(options.toxic, "w", encoding="utf-8") as toxic:
        for row in rows(options.scored):
            for one in row["generations"]:
                out = safe if one["toxicity"] < options.below else toxic if one["toxicity"] > options.above else None
                if out and one["text"].strip():
                    out.write(json.dumps({"text": row["prompt"] + one["text"]}) + "\n")


if __name__ == "__main__":
    main()
