#include "limpid/decoding/kl_probe.h"

#include <limits>

namespace limpid {
namespace {

class Before final : public Session {
 public:
  Before(const Model& model, const KlTotal& total) : model_(model), total_(total) {}
  void final_state(const Step&, Tensor& h) override {
    plain = total_.tokens < total_.limit ? torch::log_softmax(model_.output_matrix(h), -1) : Tensor();
  }
  Tensor plain;   // [R, V] of this step

 private:
  const Model& model_;
  const KlTotal& total_;
};

class After final : public Session {
 public:
  After(const Before& before, KlTotal& total) : before_(before), total_(total) {}
  void logits(const Step&, Tensor& z) override {
    if (!before_.plain.defined()) return;
    const Tensor divergence = before_.plain.exp() * (before_.plain - torch::log_softmax(z, -1));
    constexpr double kInfinity = std::numeric_limits<double>::infinity();   // stays what it is: the plain model could say what is now excluded
    total_.sum += divergence.nan_to_num(0.0, kInfinity, -kInfinity).sum().item<double>();
    total_.tokens += uint64_t(z.size(0));
  }

 private:
  const Before& before_;
  KlTotal& total_;
};

}  // namespace

void add_kl_probe(const Model& model, KlTotal& total, std::vector<std::unique_ptr<Session>>& sessions, std::vector<float>& strengths) {
  auto before = std::make_unique<Before>(model, total);
  auto after = std::make_unique<After>(*before, total);
  sessions.insert(sessions.begin(), std::move(before));
  sessions.push_back(std::move(after));
  strengths.insert(strengths.begin(), 1.0f);
  strengths.push_back(1.0f);
}

}  // namespace limpid
