#include "limpid/decoding/kl_probe.h"

namespace limpid {
namespace {

class KlProbe final : public Session {
 public:
  KlProbe(const Model& model, KlTotal& total) : model_(model.shared_from_this()), total_(total) {}

  std::vector<Reading> readings() const override {
    return {{.model = model_, .wanted = [this](const Row&) { return measures(); }}};
  }

  void logits(const Step& step, Tensor& z) override {
    if (!measures()) return;
    const Tensor plain = torch::log_softmax(step.read(0).logits(), -1), edited = torch::log_softmax(z, -1);
    const Tensor kept = edited > -INFINITY;
    total_.sum += torch::where(kept, edited.exp() * (edited - plain), torch::zeros_like(edited)).sum().item<double>();
    total_.tokens += uint64_t(z.size(0));
  }

 private:
  bool measures() const { return total_.tokens < total_.limit; }

  std::shared_ptr<const Model> model_;
  KlTotal& total_;
};

}  // namespace

void add_kl_probe(const Model& model, KlTotal& total, std::vector<std::unique_ptr<Session>>& sessions,
                  std::vector<float>& strengths) {
  sessions.push_back(std::make_unique<KlProbe>(model, total));
  strengths.push_back(1.0f);
}

}  // namespace limpid
