#!/usr/bin/env bash
# The recipe of share/limpid/smollm2-demo.detox.safetensors: two calibrators on the first three layers of SmolLM2, one taught
# safe text and one the toxic side of the same kinds of text, and one file that holds both in 8 bits. Only rows whose source is
# CC0, MIT, Apache-2.0, BSD, CC BY or public domain (docs/data-recipe.md). The toxic half is intermediate, never shipped whole.
#   scripts/train_demo_detoxifier.sh [OUT-FOLDER]
source "$(dirname "$0")/common.sh"
data=${LIMPID_SHARED:-../shared}/data
out=${1:-build/calibrators}
mkdir -p "$out"
comments="$data/labelled/toxic_comments_train.jsonl"
shared_options=(-m smollm2-135m-instruct --layers 3 --lr 1e-3 --warmup 50 --batch 32 --max-length 128 --seed 1)

[ -f "$out/safe/model.safetensors" ] || build/limpid train calibrator "${shared_options[@]}" --epochs 1 -o "$out/safe" \
  --data "$data/safety/dialogues.jsonl?completion=safe&source=hh_rlhf_harmless|diasafety" \
  --data "$data/pairs/paradetox.jsonl?text=neutral" \
  --data "$comments?label=0&source=olid|hatexplain|surge_toxicity"
[ -f "$out/toxic/model.safetensors" ] || build/limpid train calibrator "${shared_options[@]}" --epochs 1 -o "$out/toxic" \
  --data "$data/safety/dialogues.jsonl?completion=unsafe&source=hh_rlhf_harmless|diasafety" \
  --data "$data/pairs/paradetox.jsonl?text=toxic" \
  --data "$comments?label=1&source=civil_comments_spans|olid|hatexplain|surge_toxicity"

build/limpid fit fusion -m smollm2-135m-instruct --calibrator "$out/safe" --against "$out/toxic" --readout norm --align none \
  -o share/limpid/smollm2-demo.detox.safetensors
