#include "limpid/methods/unidetox/first_order.h"

#include "limpid/core/error.h"
#include "limpid/training/language_model_loss.h"

namespace limpid::unidetox {
namespace {

constexpr const char* kFirstOrder = "[first-order] ";

}  // namespace

FirstOrderCheck::FirstOrderCheck(std::shared_ptr<const Model> base, std::shared_ptr<const Model> toxic)
    : base_(std::move(base)),
      toxic_(std::move(toxic)) {
  for (const auto& model : {base_, toxic_})
    LIMPID_CHECK(model->training(), ConfigError, kFirstOrder, model->path().string(), " was not opened trainable");
  LIMPID_CHECK(base_->parameters().size() == toxic_->parameters().size(), MismatchError, kFirstOrder, "the base has ",
               base_->parameters().size(), " weights, the toxic model ", toxic_->parameters().size(),
               "; it must be the base, trained on");
  for (const auto& [name, parameter] : base_->parameters()) {
    const auto twin = toxic_->parameters().find(name);
    LIMPID_CHECK(twin != toxic_->parameters().end() && twin->second.sizes() == parameter.sizes(), MismatchError,
                 kFirstOrder, "the toxic model has ", twin == toxic_->parameters().end() ? "no " : "another shape of ",
                 name, "; it must be the base, trained on");
  }
}

FirstOrder FirstOrderCheck::operator()(std::span<const TokenId> ids) const {
  LIMPID_CHECK(ids.size() >= 2, ConfigError, kFirstOrder, "a text of ", ids.size(), " tokens, expected at least 2");
  const Example example{{ids.begin(), ids.end()}, 1};
  const uint32_t only = 0;
  const Batch batch = make_batch({&example, 1}, {&only, 1});
  FirstOrder result;
  result.tokens = example.targets();

  const torch::Tensor nll = LanguageModelLoss(*base_).sum(batch);
  for (const auto& [name, parameter] : base_->parameters()) parameter.mutable_grad() = torch::Tensor();
  nll.backward();
  torch::NoGradGuard no_grad;
  double tau_dot_gradient = 0.0;  // of the negative log-likelihood
  for (const auto& [name, parameter] : base_->parameters()) {
    if (!parameter.grad().defined()) continue;  // not on the path of this text
    const torch::Tensor tau = toxic_->parameters().at(name) - parameter;
    tau_dot_gradient += tau.mul(parameter.grad()).sum(torch::kFloat64).item<double>();
    parameter.mutable_grad() = torch::Tensor();
  }
  const double toxic_nll = LanguageModelLoss(*toxic_).sum(batch).item<double>();
  result.score = (toxic_nll - nll.item<double>()) / double(result.tokens);
  result.first_order = tau_dot_gradient / double(result.tokens);
  return result;
}

FirstOrder mean_of(std::span<const FirstOrder> texts) {
  FirstOrder mean;
  for (const FirstOrder& text : texts) {
    mean.tokens += text.tokens;
    mean.score += text.score * double(text.tokens);
    mean.first_order += text.first_order * double(text.tokens);
  }
  if (mean.tokens > 0) mean.score /= double(mean.tokens), mean.first_order /= double(mean.tokens);
  return mean;
}

}  // namespace limpid::unidetox
