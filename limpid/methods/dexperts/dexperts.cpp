#include "limpid/methods/dexperts/dexperts.h"

#include <algorithm>

#include "limpid/core/parse.h"
#include "limpid/decoding/logits.h"
#include "limpid/methods/dexperts/method.h"
#include "limpid/models/vocabulary.h"

namespace limpid::dexperts {
namespace {

void apply_mask(std::span<float> z, const TokenMask& mask) {
  if (mask.kind == TokenMask::Kind::Nucleus && mask.level < 1.0) apply_top_p(z, float(mask.level));
  if (mask.kind == TokenMask::Kind::Plausibility) mask_implausible(mask.level, z);
}

}  // namespace

TokenMask TokenMask::parse(const std::string& text, const std::string& place) {
  const size_t colon = text.find(':');
  const Names kinds = DexpertsMethod::kMasks;
  const size_t kind = size_t(std::find(kinds.begin(), kinds.end(), text.substr(0, colon)) - kinds.begin());
  LIMPID_CHECK(kind < kinds.size(), ConfigError, place, "mask \"", text,
               "\", expected nucleus:P, plausibility:A or none");
  TokenMask mask = usual(Kind(kind));
  if (text == "none") return mask;
  const auto level = parse_number<double>(colon == std::string::npos ? "" : text.substr(colon + 1));
  LIMPID_CHECK(mask.kind != Kind::None, ConfigError, place, "mask \"", text, "\", expected none without a level");
  LIMPID_CHECK(level && DexpertsMethod::kLevels.contains(*level), ConfigError, place, "mask \"", text,
               "\": its level is ", DexpertsMethod::kLevels.text(), ", for example ", usual(mask.kind).text());
  mask.level = *level;
  return mask;
}

std::string TokenMask::text() const { return kind == Kind::None ? name(kind) : concat(name(kind), ":", level); }

void combine_experts(std::span<float> z, std::span<const float> expert, std::span<const float> anti, float s,
                     const TokenMask& mask) {
  apply_mask(z, mask);
  add_contrast(z, expert, anti, s);
}

ExpertsSession::ExpertsSession(const Model& target, ExpertParts parts) : parts_(std::move(parts)) {
  check_same_vocabulary(target, *parts_.anti.model, "anti-expert", "[dexperts] ");
  if (parts_.expert) check_same_vocabulary(target, *parts_.expert.model, "expert", "[dexperts] ");
}

std::vector<Reading> ExpertsSession::readings() const {
  if (!parts_.expert) return {parts_.anti};
  return {parts_.anti, parts_.expert};
}

void ExpertsSession::logits(const Step& step, Tensor& z) {
  std::vector<TokenIds> kept;  // the experts are asked for these tokens only
  if (parts_.mask.kind != TokenMask::Kind::None) {
    kept.resize(step.rows.size());
    parallel_rows(step, z, [&](size_t r, std::span<float> row) {
      apply_mask(row, parts_.mask);
      kept[r] = kept_tokens(row);
    });
  }
  Tensor anti = step.read(0).logits(kept), expert = parts_.expert ? step.read(1).logits(kept) : anti;
  const auto less = rows_of(anti), more = rows_of(expert);
  parallel_rows(step, z, [&](size_t r, std::span<float> row) {
    add_contrast(row, parts_.expert ? more[r] : std::span<float>(), less[r], step.strengths[r]);
  });
}

}  // namespace limpid::dexperts
