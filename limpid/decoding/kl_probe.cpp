#include "limpid/decoding/kl_probe.h"

#include "limpid/decoding/companion.h"

namespace limpid {
namespace {

class KlProbe final : public Session {
 public:
  KlProbe(const Model& model, KlTotal& total) : model_(model), plain_(model.shared_from_this()), total_(total) {}
  void admit(const Row& row) override { plain_.admit(row.id); }
  void fork(const Row& from, const Row& to) override { plain_.fork(from.id, to.id); }
  void release(RowId row) override { plain_.release(row); }

  void streams(const Step& step, std::vector<Streams>& all) override {
    if (total_.tokens < total_.limit) all.push_back(plain_.streams(step.rows));
  }

  void logits(const Step& step, Tensor& z) override {
    if (total_.tokens >= total_.limit) return;
    const Tensor plain = torch::log_softmax(model_.output_matrix(plain_.states(step.rows)), -1),
                 here = torch::log_softmax(z, -1);
    const Tensor kept = here > -INFINITY;
    total_.sum += torch::where(kept, here.exp() * (here - plain), torch::zeros_like(here)).sum().item<double>();
    total_.tokens += uint64_t(z.size(0));
  }

 private:
  const Model& model_;
  Companion plain_;
  KlTotal& total_;
};

}  // namespace

void add_kl_probe(const Model& model, KlTotal& total, std::vector<std::unique_ptr<Session>>& sessions,
                  std::vector<float>& strengths) {
  sessions.push_back(std::make_unique<KlProbe>(model, total));
  strengths.push_back(1.0f);
}

}  // namespace limpid
