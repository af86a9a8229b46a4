#include "limpid/server/requests/sampling_fields.h"

#include <algorithm>
#include <limits>
#include <random>

#include "limpid/core/parse.h"

namespace limpid::server {

namespace {

constexpr size_t kMaxBiases = 1024;

uint64_t drawn_seed() {
  std::random_device device;
  return (uint64_t(device()) << 32 | device()) & ((uint64_t(1) << 53) - 1);  // any JSON reader keeps it exact
}

/// Returns the id that a key of logit_bias spells; nothing for what is none, "+5" and "05" included, which would let
/// one token have two entries.
std::optional<TokenId> spelt_id(const std::string& key, int64_t vocabulary) {
  if (key.empty() || key[0] == '+' || (key[0] == '0' && key.size() > 1)) return std::nullopt;
  const std::optional<TokenId> id = parse_number<TokenId>(key);
  return id && *id >= 0 && *id < vocabulary ? id : std::nullopt;
}

/// Returns what a message shows of a key: numbers only.
std::string shown_key(const std::string& key) {
  const bool is_number = key.size() <= 20 && key.find_first_not_of("+-.0123456789") == std::string::npos;
  return is_number ? concat("\"", key, "\"") : "another text";
}

std::vector<std::pair<TokenId, float>> read_logit_bias(Fields& body, int64_t vocabulary) {
  std::vector<std::pair<TokenId, float>> biases;
  const Json* member = body.find("logit_bias");
  if (!member) return biases;
  if (!member->is_object()) throw invalid_type("logit_bias", *member, "an object of token ids and numbers");
  if (member->size() > kMaxBiases)
    throw invalid_value("logit_bias", concat("an object of ", member->size()),
                        concat("at most ", kMaxBiases, " tokens"));
  for (const auto& [key, value] : member->items()) {
    const std::optional<TokenId> id = spelt_id(key, vocabulary);
    if (!id)
      throw ApiError(
          400, "invalid_value",
          concat("a key of \"logit_bias\" is ", shown_key(key), ", expected a token id of 0 to ", vocabulary - 1),
          "logit_bias");
    biases.emplace_back(*id, float(read_number(value, concat("logit_bias.", key), {-100, 100})));
  }
  std::sort(biases.begin(), biases.end());
  return biases;
}

/// Sets what a number of the request says; it stays where the request says nothing.
void read_into(float& option, Fields& body, const char* name, const Range& range) {
  if (const std::optional<double> value = body.number(name, range)) option = float(*value);
}

/// The same for what the sampler wants above 0. The least share that it takes keeps one token, as 0 does, and float32
/// has none below.
void read_above_zero(float& option, Fields& body, const char* name, const Range& range) {
  read_into(option, body, name, range);
  option = std::max(option, std::numeric_limits<float>::min());
}

}  // namespace

SamplingOptions read_sampling(Fields& body, const ServerFacts& facts) {
  SamplingOptions sampling;
  read_into(sampling.temperature, body, "temperature", {0, 2});
  read_above_zero(sampling.top_p, body, "top_p", {0, 1});
  read_into(sampling.min_p, body, "min_p", {0, 1});
  read_above_zero(sampling.typical_p, body, "typical_p", {0, 1, /*without_least=*/true});
  sampling.top_k = std::max<int64_t>(0, body.integer("top_k", {-1, 1'048'576}).value_or(0));
  read_above_zero(sampling.repetition_penalty, body, "repeat_penalty", {0, 10, /*without_least=*/true});
  read_above_zero(sampling.repetition_penalty, body, "repetition_penalty", {0, 10, /*without_least=*/true});
  read_into(sampling.presence_penalty, body, "presence_penalty", {-2, 2});
  read_into(sampling.frequency_penalty, body, "frequency_penalty", {-2, 2});
  sampling.logit_bias = read_logit_bias(body, facts.vocabulary);
  using Limits = std::numeric_limits<int64_t>;
  const std::optional<int64_t> seed = body.integer("seed", {Limits::min(), Limits::max()});
  sampling.seed = seed ? uint64_t(*seed) : drawn_seed();
  return sampling;
}

}  // namespace limpid::server
