#include "limpid/methods/dexperts/dexperts.h"

#include <cmath>
#include <cstdlib>

#include "limpid/kernels/thread_pool.h"
#include "limpid/methods/controls.h"

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
  if (text == "none") return {Kind::None, 1.0};
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon), level = colon == std::string::npos ? "" : text.substr(colon + 1);
  TokenMask mask;
  LIMPID_CHECK(kind == "nucleus" || kind == "plausibility", ConfigError, where, "mask \"", text,
               "\", expected nucleus:P, plausibility:A or none");
  mask.kind = kind == "nucleus" ? Kind::Nucleus : Kind::Plausibility;
  char* end = nullptr;
  mask.level = std::strtod(level.c_str(), &end);
  LIMPID_CHECK(!level.empty() && *end == '\0' && mask.level > 0.0 && mask.level <= 1.0, ConfigError, where, "mask \"",
               text, "\": its level is above 0 and at most 1, for example ",
               kind == "nucleus" ? "nucleus:0.9" : "plausibility:0.1");
  return mask;
}

std::string TokenMask::text() const {
  return kind == Kind::None ? "none" : concat(kind == Kind::Nucleus ? "nucleus:" : "plausibility:", level);
}

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
