#include "limpid/training/text_objective.h"

#include "limpid/core/number_text.h"
#include "limpid/core/watch.h"

namespace limpid {
namespace {

constexpr size_t kMostHeldOut = 1000;  // rows: enough for a steady loss, few enough not to cost more than the training

}  // namespace

TextObjective::TextObjective(const Model& model, const Tokenizer* tokenizer, const TextRunOptions& options,
                             Watch& watch)
    : loss_(model) {
  LIMPID_CHECK(tokenizer, ConfigError, options.base.string(), ": has no tokenizer, so text cannot be read");
  const TextData data = read_text_data(options.data);
  sets_ = make_examples(*tokenizer, data.rows, options.examples, options.holdout, options.pack, watch);
  for (const auto* set : {&sets_.train, &sets_.held_out})
    for (const Example& example : *set) loss_.check(example);
  if (sets_.held_out.size() > kMostHeldOut) sets_.held_out.resize(kMostHeldOut);
  int64_t tokens = 0;
  for (const Example& example : sets_.train) {
    lengths_[0].push_back(int64_t(example.ids.size()));
    tokens += lengths_[0].back();
  }
  for (const Example& example : sets_.held_out) lengths_[1].push_back(int64_t(example.ids.size()));
  watch.info(concat("data: ", describe(data.counts),
                    sets_.without_target ? concat(", ", sets_.without_target, " too long to learn from") : "", "; ",
                    thousands(sets_.train.size()), options.pack ? " windows" : "", " to train on (",
                    thousands(uint64_t(tokens)), " tokens, ", thousands(uint64_t(sets_.train_targets)),
                    " of them learnt), ", thousands(sets_.held_out.size()), " held out"));
}

Objective::Part TextObjective::loss(Split split, std::span<const uint32_t> chosen) const {
  const Batch batch = make_batch(split == Split::Train ? sets_.train : sets_.held_out, chosen);
  return {loss_.sum(batch), batch.tokens, batch.targets.size(0)};
}

}  // namespace limpid
