#!/usr/bin/env bash
# The recipe of share/limpid/smollm2-demo.detox.safetensors (docs/data-recipe.md). SmolLM2 continues 12,000 openings; its first three
# layers learn that text (one model for both halves), then a safe half and a toxic half branch off, on matched text of both kinds:
# what the two have in common cancels in the contrast. Only rows whose source is CC0, MIT, Apache-2.0, BSD, CC BY or public domain.
# The toxic half is intermediate and never shipped whole. Steps that are done are not done again.
#   scripts/train_demo_detoxifier.sh [OUT-FOLDER]
source "$(dirname "$0")/common.sh"
data=${LIMPID_SHARED:-../shared}/data
out=${1:-build/calibrators}
target=smollm2-135m-instruct
mkdir -p "$out"

[ -f "$out/prompts.jsonl" ] || python3 scripts/self_text.py prompts "$data" --count 12000 --seed 1 -o "$out/prompts.jsonl"
[ -f "$out/written.jsonl" ] || build/limpid generate -m $target --prompts "$out/prompts.jsonl" -n 40 --top-p 0.95 --seed 7 --rows 50 -o "$out/written.jsonl"
[ -f "$out/scored.jsonl" ] || build/limpid score "$out/written.jsonl" -o "$out/scored.jsonl"
[ -f "$out/self_toxic.jsonl" ] || python3 scripts/self_text.py sort "$out/scored.jsonl" --all "$out/self_all.jsonl" \
  --safe "$out/self_safe.jsonl" --toxic "$out/self_toxic.jsonl"

# train NAME BASE options…
train() {
  local name=$1 base=$2
  shift 2
  [ -f "$out/$name/model.safetensors" ] || build/limpid train calibrator -m "$base" --layers 3 --batch 16 --max-length 96 --no-end-token \
    --seed 1 -o "$out/$name" "$@"
}
branch=(--lr 5e-4 --warmup 20 --eval-every 100 --patience 0)   # one epoch each
train common $target --lr 1e-3 --warmup 50 --data "$out/self_all.jsonl"
train safe "$out/common" "${branch[@]}" --data "$out/self_safe.jsonl" --data "$data/pairs/paradetox.jsonl?text=neutral" \
  --data "$data/safety/dialogues.jsonl?completion=safe&source=diasafety"
train toxic "$out/common" "${branch[@]}" --data "$out/self_toxic.jsonl" --data "$data/pairs/paradetox.jsonl?text=toxic" \
  --data "$data/safety/dialogues.jsonl?completion=unsafe&source=diasafety"

build/limpid fit fusion -m $target --calibrator "$out/safe" --against "$out/toxic" --readout norm --align none \
  -o share/limpid/smollm2-demo.detox.safetensors
