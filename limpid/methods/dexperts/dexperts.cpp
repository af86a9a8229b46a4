#include "limpid/methods/dexperts/dexperts.h"

#include <cmath>

#include "limpid/core/parse.h"
#include "limpid/kernels/thread_pool.h"
#include "limpid/methods/controls.h"
#include "limpid/methods/dexperts/method.h"

namespace limpid {
namespace {

void apply_mask(std::span<float> z, const TokenMask& mask) {
  if (mask.kind == TokenMask::Kind::Nucleus && mask.level < 1.0) apply_top_p(z, float(mask.level));
  if (mask.kind == TokenMask::Kind::Plausibility) mask_implausible(mask.level, z);
}

/// Behind the mask, which leaves the logits that it keeps as they were.
void add_experts(std::span<float> z, std::span<const float> expert, std::span<const float> anti, float s) {
  for (size_t v = 0; v < z.size(); ++v)
    if (z[v] != -INFINITY) z[v] += s * ((expert.empty() ? z[v] : expert[v]) - anti[v]);
}

}  // namespace

TokenMask TokenMask::parse(const std::string& text, const std::string& where) {
  const size_t colon = text.find(':');
  TokenMask mask = usual(named<Kind>(text.substr(0, colon), where + "mask"));
  if (text == "none") return mask;
  const auto level = parse_number<double>(colon == std::string::npos ? "" : text.substr(colon + 1));
  LIMPID_CHECK(mask.kind != Kind::None, ConfigError, where, "mask \"", text, "\", expected none without a level");
  LIMPID_CHECK(level && DexpertsMethod::kLevels.contains(*level), ConfigError, where, "mask \"", text,
               "\": its level is ", DexpertsMethod::kLevels.text(), ", for example ", usual(mask.kind).text());
  mask.level = *level;
  return mask;
}

std::string TokenMask::text() const { return kind == Kind::None ? name(kind) : concat(name(kind), ":", level); }

void combine_experts(std::span<float> z, std::span<const float> expert, std::span<const float> anti, float s,
                     const TokenMask& mask) {
  apply_mask(z, mask);
  add_experts(z, expert, anti, s);
}

ExpertsSession::ExpertsSession(const Model& target, const ExpertParts& parts)
    : target_(target),
      anti_(parts.anti),
      mask_(parts.mask) {
  check_same_vocabulary(target, *parts.anti.model, "anti-expert", "[dexperts] ");
  if (!parts.expert) return;
  check_same_vocabulary(target, *parts.expert.model, "expert", "[dexperts] ");
  expert_.emplace(parts.expert);
}

void ExpertsSession::admit(const Row& row) {
  anti_.admit(row.id);
  if (expert_) expert_->admit(row.id);
}

void ExpertsSession::fork(const Row& from, const Row& to) {
  anti_.fork(from.id, to.id);
  if (expert_) expert_->fork(from.id, to.id);
}

void ExpertsSession::release(RowId row) {
  anti_.release(row);
  if (expert_) expert_->release(row);
}

void ExpertsSession::streams(const Step& step, std::vector<Streams>& all) {
  anti_.streams(target_, step.rows, all);
  if (expert_) expert_->streams(target_, step.rows, all);
}

void ExpertsSession::logits(const Step& step, Tensor& z) {
  z = z.contiguous();
  const size_t V = size_t(z.size(1));
  const auto row_of = [V](const Tensor& x, size_t r) { return std::span(x.const_data_ptr<float>() + r * V, V); };
  const auto own = [&](size_t r) { return std::span(z.mutable_data_ptr<float>() + r * V, V); };
  std::vector<TokenIds> kept;  // the experts are asked for these tokens only
  if (mask_.kind != TokenMask::Kind::None) {
    kept.resize(step.rows.size());
    kernels::parallel_for(step.rows.size(), [&](size_t r) {
      apply_mask(own(r), mask_);
      kept[r] = kept_tokens(own(r));
    });
  }
  const Tensor anti = anti_.of(step.rows, kept), expert = expert_ ? expert_->of(step.rows, kept) : Tensor();
  kernels::parallel_for(step.rows.size(), [&](size_t r) {
    add_experts(own(r), expert_ ? row_of(expert, r) : std::span<const float>(), row_of(anti, r), step.strengths[r]);
  });
}

}  // namespace limpid
