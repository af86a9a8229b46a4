#include "limpid/methods/dexperts/dexperts.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "limpid/kernels/thread_pool.h"
#include "limpid/methods/controls.h"

namespace limpid {
namespace {

constexpr float kRemoved = -std::numeric_limits<float>::infinity();

void apply_mask(std::span<float> z, const TokenMask& mask) {
  if (mask.kind == TokenMask::Kind::Nucleus && mask.level < 1.0) apply_top_p(z, float(mask.level));
  if (mask.kind == TokenMask::Kind::Plausibility) mask_implausible(mask.level, z);
}

}  // namespace

TokenMask TokenMask::parse(const std::string& text, const std::string& where) {
  if (text == "none") return {Kind::None, 1.0};
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon), level = colon == std::string::npos ? "" : text.substr(colon + 1);
  TokenMask mask;
  LIMPID_CHECK(kind == "nucleus" || kind == "plausibility", ConfigError, where, "mask \"", text, "\", expected nucleus:P, plausibility:A or none");
  mask.kind = kind == "nucleus" ? Kind::Nucleus : Kind::Plausibility;
  char* end = nullptr;
  mask.level = std::strtod(level.c_str(), &end);
  LIMPID_CHECK(!level.empty() && *end == '\0' && mask.level > 0.0 && mask.level <= 1.0, ConfigError, where, "mask \"", text,
               "\": its level is above 0 and at most 1, for example ", kind == "nucleus" ? "nucleus:0.9" : "plausibility:0.1");
  return mask;
}

std::string TokenMask::text() const {
  return kind == Kind::None ? "none" : concat(kind == Kind::Nucleus ? "nucleus:" : "plausibility:", level);
}

void combine_experts(std::span<float> z, std::span<const float> expert, std::span<const float> anti, float s, const TokenMask& mask) {
  // The stand-in for the expert is the target before the mask: behind it, minus infinity minus minus infinity would come up.
  const std::vector<float> whole(z.begin(), z.end());
  apply_mask(z, mask);
  const std::span<const float> good = expert.empty() ? std::span<const float>(whole) : expert;
  for (size_t v = 0; v < z.size(); ++v)
    if (z[v] != kRemoved) z[v] += s * (good[v] - anti[v]);
}

ExpertsSession::ExpertsSession(const Model& target, const ExpertParts& parts) : anti_(parts.anti), mask_(parts.mask) {
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

void ExpertsSession::logits(const Step& step, Tensor& z) {
  const Tensor anti = anti_.of(step.rows), expert = expert_ ? expert_->of(step.rows) : Tensor();
  z = z.contiguous();
  const size_t V = size_t(z.size(1));
  float* own = z.mutable_data_ptr<float>();
  const float *bad = anti.const_data_ptr<float>(), *good = expert_ ? expert.const_data_ptr<float>() : nullptr;
  kernels::parallel_for(step.rows.size(), [&](size_t r) {
    combine_experts({own + r * V, V}, good ? std::span(good + r * V, V) : std::span<const float>(), {bad + r * V, V}, step.strengths[r], mask_);
  });
}

}  // namespace limpid
