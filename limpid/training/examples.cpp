#include "limpid/training/examples.h"

#include <algorithm>
#include <limits>

#include "limpid/core/error.h"
#include "limpid/core/watch.h"

namespace limpid {
namespace {

size_t byte_length(const Tokenizer& tokenizer, TokenId id) {
  const auto bytes = tokenizer.token_bytes(id);
  return bytes.empty() ? tokenizer.token_text(id).size() : bytes.size();  // a special token spelt out in the text
}

size_t byte_length(const Tokenizer& tokenizer, const TokenIds& ids) {
  size_t total = 0;
  for (TokenId id : ids) total += byte_length(tokenizer, id);
  return total;
}

/// Returns the first byte of the completion in the bytes that `ids` stand for.
size_t boundary_byte(const Tokenizer& tokenizer, const TokenIds& ids, std::string_view before,
                     std::string_view completion) {
  const size_t total = byte_length(tokenizer, ids), prefix = tokenizer.has_dummy_prefix() ? 1 : 0;
  if (total == prefix + before.size() + completion.size()) return prefix + before.size();
  const TokenIds tail = tokenizer.encode(completion, /*add_special=*/false);
  const size_t tail_bytes = byte_length(tokenizer, tail) - std::min(prefix, byte_length(tokenizer, tail));
  return total - std::min(total, tail_bytes);
}

}  // namespace

Example make_example(const Tokenizer& tokenizer, const TextRow& row, const ExampleOptions& options) {
  const std::string before = row.has_prompt ? row.prompt + options.separator : std::string();
  Example example;
  example.ids = tokenizer.encode(before + row.text, /*add_special=*/false);
  if (row.has_prompt) {
    const size_t boundary = boundary_byte(tokenizer, example.ids, before, row.text);
    size_t bytes = 0;
    while (size_t(example.loss_from) < example.ids.size() && bytes < boundary)
      bytes += byte_length(tokenizer, example.ids[size_t(example.loss_from++)]);
  }
  if (tokenizer.adds_bos() && tokenizer.bos()) {
    example.ids.insert(example.ids.begin(), *tokenizer.bos());
    ++example.loss_from;
  }
  if (int64_t(example.ids.size()) > options.max_length) {
    example.ids.resize(size_t(options.max_length));
  } else if (options.end_token && tokenizer.eos() && int64_t(example.ids.size()) < options.max_length) {
    example.ids.push_back(*tokenizer.eos());
  }
  return example;
}

double hash_position(const TextRow& row) {
  const std::string digest = sha256(row.prompt + '\0' + row.text);
  return double(std::stoull(digest.substr(0, 13), nullptr, 16)) / double(1ull << 52);
}

std::vector<Example> pack_examples(std::span<const Example> examples, int64_t length) {
  std::vector<Example> windows;
  Example window;
  const auto close = [&] {
    if (window.targets() > 0) windows.push_back(window);
    window = {};
  };
  for (const Example& example : examples) {
    for (int64_t i = 0; i < int64_t(example.ids.size()); ++i) {
      window.ids.push_back(example.ids[size_t(i)]);
      window.skipped.push_back(i < example.loss_from || example.is_skipped(i));
      if (int64_t(window.ids.size()) == length) close();
    }
  }
  close();
  return windows;
}

double split_limit(std::span<const double> places, double holdout) {
  if (holdout <= 0.0 || places.size() < 2) return holdout;
  const auto [lowest, highest] = std::minmax_element(places.begin(), places.end());
  return std::min(std::max(holdout, std::nextafter(*lowest, 1.0)), *highest);
}

ExampleSets make_examples(const Tokenizer& tokenizer, std::span<const TextRow> rows, const ExampleOptions& options,
                          double holdout, bool pack, Watch& watch) {
  LIMPID_CHECK(holdout >= 0.0 && holdout < 1.0, ConfigError, "the held-out share is ", holdout,
               ", expected 0 to below 1");
  LIMPID_CHECK(options.max_length >= 2, ConfigError, "the longest sequence is ", options.max_length,
               " tokens, expected at least 2: one to read and one to predict");
  ExampleOptions whole = options;
  if (pack) whole.max_length = std::numeric_limits<int64_t>::max();
  ExampleSets sets;
  std::vector<std::pair<double, Example>> placed;
  for (const TextRow& row : rows) {
    watch.throw_if_stopped();
    Example example = make_example(tokenizer, row, whole);
    if (example.targets() == 0)
      ++sets.without_target;
    else
      placed.emplace_back(hash_position(row), std::move(example));
  }
  LIMPID_CHECK(!placed.empty(), ConfigError, "no row has a token to learn: of ", rows.size(),
               " rows every completion lies beyond the longest sequence of ", options.max_length, " tokens");
  std::vector<double> places;
  for (const auto& [place, example] : placed) places.push_back(place);
  const double limit = split_limit(places, holdout);
  for (auto& [place, example] : placed) {
    const bool held = place < limit;
    (held ? sets.held_out : sets.train).push_back(std::move(example));
  }
  if (pack) {
    sets.train = pack_examples(sets.train, options.max_length);
    sets.held_out = pack_examples(sets.held_out, options.max_length);
  }
  for (const Example& example : sets.train) sets.train_targets += example.targets();
  for (const Example& example : sets.held_out) sets.held_out_targets += example.targets();
  LIMPID_CHECK(!sets.train.empty(), ConfigError, "all ", sets.held_out.size(),
               " rows are held out; nothing is left to train on");
  return sets;
}

}  // namespace limpid
