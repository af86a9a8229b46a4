#include "limpid/decoding/kl_probe.h"

#include "limpid/decoding/logits.h"

namespace limpid {
namespace {

class KlProbe final : public Session {
 public:
  KlProbe(const Model& model, KlTotals& totals) : model_(model.shared_from_this()), totals_(totals) {}

  std::vector<Reading> readings() const override { return {{.model = model_}}; }

  void logits(const Step& step, Tensor& z) override {
    Tensor read = step.read(0).logits();
    const auto plain = rows_of(read);
    std::vector<double> found(plain.size());
    parallel_rows(step, z, [&](size_t r, std::span<float> edited) { found[r] = kl_divergence(edited, plain[r]); });
    for (size_t r = 0; r < found.size(); ++r) {
      const Request& request = step.rows[r]->request;
      totals_[{request.prompt, request.sample}].add({found[r], 1});
    }
  }

 private:
  std::shared_ptr<const Model> model_;
  KlTotals& totals_;
};

}  // namespace

KlTotal sum_of(const KlTotals& totals) {
  KlTotal sum;
  for (const auto& [text, total] : totals) sum.add(total);
  return sum;
}

void add_kl_probe(const Model& model, KlTotals& totals, std::vector<std::unique_ptr<Session>>& sessions,
                  std::vector<float>& strengths) {
  sessions.push_back(std::make_unique<KlProbe>(model, totals));
  strengths.push_back(1.0f);
}

}  // namespace limpid
