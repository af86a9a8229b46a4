#!/usr/bin/env bash
# The recipe of share/limpid/scorer-minilm.safetensors: a logistic head on the mean states of all layers of the frozen MiniLM
# encoder. Only rows whose source is CC0, MIT, CC BY, Apache-2.0 or public domain (docs/data-recipe.md).
#   scripts/train_scorer.sh [OUT-FILE]
source "$(dirname "$0")/common.sh"
data=${LIMPID_SHARED:-../shared}/data
build/limpid train scorer -o "${1:-share/limpid/scorer-minilm.safetensors}" --encoder minilm-l6 -C 1 --seed 1 \
  --stages 0 1 2 3 4 5 6 \
  --licence "trained on rows under CC0, MIT, CC BY 4.0, Apache-2.0 and public domain only; see docs/data-recipe.md" \
  --data "$data/labelled/toxic_comments_train.jsonl?source=civil_comments_spans|olid|hatexplain|surge_toxicity" \
  --data "$data/pairs/paradetox.jsonl?text=toxic&as=toxic&take=4000" \
  --data "$data/pairs/paradetox.jsonl?text=neutral&as=safe&take=6000" \
  --data "$data/safety/dialogues.jsonl?text=safe&as=safe&source=diasafety&take=4000" \
  --valid "$data/labelled/toxic_comments_valid.jsonl?source=olid|hatexplain|surge_toxicity|civil_comments_spans" \
  --test "$data/labelled/toxic_comments_test.jsonl"
