"""Text that a model wrote itself, sorted by a scorer into safe and toxic: what calibrators of that model learn best from.

    python self_text.py prompts DATA-FOLDER -o prompts.jsonl            openings of texts whose licences allow it
    python self_text.py sort SCORED.jsonl --all all.jsonl --safe safe.jsonl --toxic toxic.jsonl

Between the two, `limpid generate --prompts prompts.jsonl` and `limpid score` (scripts/train_demo_detoxifier.sh). A row is the
opening with its continuation, {"text"}; only the continuation's score counts.
"""
import argparse
import json
import random
import re

# CC0, MIT, Apache-2.0, CC BY (docs/data-recipe.md), and the share of their rows that is taken.
COMMENT_SOURCES = {"olid": 1.0, "civil_comments_spans": 1.0, "surge_toxicity": 1.0, "hatexplain": 0.3}


def rows(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def texts(data, draw):
    """Texts of many kinds, toxic and not."""
    for row in rows(f"{data}/labelled/toxic_comments_train.jsonl"):
        share = COMMENT_SOURCES.get(row["source"], 0.0)
        if share == 1.0 or share > 0.0 and draw.random() < share:
            yield row["text"]
    for row in rows(f"{data}/pairs/paradetox.jsonl"):
        yield row["toxic"] if draw.random() < 0.5 else row["neutral"]
    for row in rows(f"{data}/safety/dialogues.jsonl"):
        if row["source"] == "diasafety":
            yield row["prompt"]


def openings(data, draw):
    """Their first 3 to 12 words, without the marks of their platforms, in random order."""
    found = []
    for text in texts(data, draw):
        words = re.sub(r"\b(USER|URL|EMAIL)\b|@\S+|#", "", text).split()
        if len(words) >= 6:
            found.append(" ".join(words[: draw.randint(3, min(12, len(words) - 2))]))
    draw.shuffle(found)
    return found


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
    sort.add_argument("--all", required=True)
    sort.add_argument("--safe", required=True)
    sort.add_argument("--toxic", required=True)
    sort.add_argument("--below", type=float, default=0.2)
    sort.add_argument("--above", type=float, default=0.5)
    options = parser.parse_args()

    if options.command == "prompts":
        with open(options.output, "w", encoding="utf-8") as out:
            for opening in openings(options.data, random.Random(options.seed))[: options.count]:
                out.write(json.dumps({"prompt": opening}) + "\n")
        return
    with open(options.all, "w") as every, open(options.safe, "w") as safe, open(options.toxic, "w") as toxic:
        for row in rows(options.scored):
            for one in row["generations"]:
                if not one["text"].strip():
                    continue
                line = json.dumps({"text": row["prompt"] + one["text"]}) + "\n"
                every.write(line)
                if one["toxicity"] < options.below:
                    safe.write(line)
                if one["toxicity"] > options.above:
                    toxic.write(line)


if __name__ == "__main__":
    main()
