#pragma once

#include "apps/options.h"
#include "limpid/data/text_data.h"
#include "limpid/tokenizers/train_bpe.h"

namespace limpid::apps {

struct TrainTokenizerCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"train tokenizer", "A byte-level BPE vocabulary from text, as tokenizer.json",
                                     "limpid train tokenizer --data texts.jsonl --vocab-size 8000 -o tokenizer/",
                                     Runs::Here};

  BpeTrainer::Options training;
  DataOptions data;
  fs::path output;

  void declare(Subcommand& c) {
    add_data(c, data, "jsonl {\"text\"} or {\"prompt\", \"completion\"}, or plain text lines (repeatable)");
    c.value("-o,--output", output, "Folder to write").required();
    c.value("--vocab-size", training.vocab_size, "Tokens, with the special ones and the 256 bytes").positive();
    c.value("--min-frequency", training.min_frequency, "A pair must be seen so often to become a token");
    c.value("--special", training.special_tokens, "Special tokens; the first ends a text").comma_separated();
    add_common(c, *this);
  }
};
int run(const TrainTokenizerCommand& options);

}  // namespace limpid::apps
