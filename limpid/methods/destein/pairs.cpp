#include "limpid/methods/destein/pairs.h"

#include <algorithm>

#include "limpid/core/random.h"
#include "limpid/tokenizers/chat.h"

namespace limpid {
namespace {

constexpr size_t kMaxTokens = 256;            // of a framed text; what is longer loses its end

PooledText framed(const Tokenizer& tokenizer, const std::string& prefix, const std::string& text, const PairFraming& framing) {
  TokenIds ids;
  if (framing.chat) {
    const std::vector<Turn> turns = {{"user", framing.prefixes ? trimmed_pair_text(prefix) : "Write something"}};
    ids = encode_chat(tokenizer, render_chat(tokenizer, turns, /*add_generation_prompt=*/true) + text);
  } else {
    ids = tokenizer.encode(framing.prefixes ? prefix + text : text, /*add_special=*/true);
  }
  if (ids.size() > kMaxTokens) ids.resize(kMaxTokens);
  if (framing.window > 0) return PooledText::last(std::move(ids), framing.window);
  // The tokens that spell the text, counted from its end.
  size_t bytes = 0;
  int64_t first = int64_t(ids.size());
  while (first > 0 && bytes < text.size()) bytes += tokenizer.token_bytes(ids[size_t(--first)]).size();
  return {std::move(ids), first};
}

}  // namespace

std::string trimmed_pair_text(const std::string& text) {
  const char* ends = " \t\r\n.";
  const size_t first = text.find_first_not_of(ends);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(ends) - first + 1);
}

std::vector<SteeringPair> read_pairs(const DataOptions& options) {
  DataOptions data{options.files, options.where, {}};
  std::string toxic = "toxic", neutral = "neutral";
  for (const std::string& field : options.fields) {
    const size_t equals = field.find('=');
    const std::string name = field.substr(0, equals);
    LIMPID_CHECK(equals != std::string::npos && equals + 1 < field.size() && (name == "toxic" || name == "neutral"), ConfigError, "--fields \"",
                 field, "\", expected toxic=COLUMN or neutral=COLUMN");
    (name == "toxic" ? toxic : neutral) = field.substr(equals + 1);
  }
  data.fields = {"text=" + toxic};
  std::vector<SteeringPair> pairs;
  size_t incomplete = 0;
  for_each_text_row(data, [&](const TextRow& row, const Json& object) {
    LIMPID_CHECK(object.is_object(), FormatError, row.source, ": plain text, expected jsonl rows with \"", toxic, "\" and \"", neutral, "\"");
    const auto found = object.find(neutral);
    LIMPID_CHECK(found != object.end(), FormatError, row.source, ": \"", neutral, "\" is missing; --fields neutral=COLUMN names another column");
    LIMPID_CHECK(found->is_string() || found->is_null(), FormatError, row.source, ": \"", neutral, "\" is ", json_kind(*found), ", expected a string");
    SteeringPair pair{trimmed_pair_text(row.text), found->is_null() ? "" : trimmed_pair_text(found->get<std::string>())};
    if (pair.toxic.empty() || pair.neutral.empty()) ++incomplete;
    else pairs.push_back(std::move(pair));
  });
  LIMPID_CHECK(!pairs.empty(), ConfigError, "[destein] no pairs are left: ", incomplete, " rows lack one of the two texts");
  return pairs;
}

std::vector<SteeringPair> draw_pairs(std::vector<SteeringPair> pairs, size_t count, uint64_t seed) {
  RandomStream(seed, /*stream=*/0x70616972).shuffle(pairs);
  if (pairs.size() > count) pairs.resize(count);
  return pairs;
}

std::vector<PooledText> framed_texts(const Tokenizer& tokenizer, const std::vector<SteeringPair>& pairs, const PairFraming& framing) {
  std::vector<PooledText> texts;
  for (const SteeringPair& pair : pairs) texts.push_back(framed(tokenizer, kToxicPrefix, pair.toxic, framing));
  for (const SteeringPair& pair : pairs) texts.push_back(framed(tokenizer, kNeutralPrefix, pair.neutral, framing));
  return texts;
}

}  // namespace limpid
