#include "limpid/decoding/fault_finder.h"

#include "limpid/kernels/finite.h"

namespace limpid {
namespace {

class FaultFinder final : public Session {
 public:
  bool listens(Site site, int64_t layer) const override {
    return site == Site::LayerOutput || (site == Site::Embeddings && layer == 0);
  }
  void activations(Site site, int64_t layer, const Step& step, Tensor& x) override {
    const std::string place =
        site == Site::Embeddings ? "the embeddings hold" : concat("the output of layer ", layer, " holds");
    for (size_t r = 0; r < step.rows.size(); ++r) check(step, r, x, step.begin(r), step.end(r), place);
  }
  void final_state(const Step& step, Tensor& h) override {
    for (size_t r = 0; r < step.rows.size(); ++r)
      check(step, r, h, int64_t(r), int64_t(r) + 1, "the state behind the final norm holds");
  }

 private:
  static void check(const Step& step, size_t r, const Tensor& x, int64_t begin, int64_t end, const std::string& place) {
    if (step.active[r]->error) return;
    const Tensor rows = x.narrow(0, begin, end - begin).contiguous();
    const auto* bytes = static_cast<const std::byte*>(rows.const_data_ptr());
    if (const auto found = kernels::first_not_finite(DType::F32, bytes, size_t(rows.numel())))
      step.fail(r, concat("[generator] token ", step.rows[r]->new_ids.size() + 1, ": ", place, " ", found->value));
  }
};

}  // namespace

void add_fault_finder(std::vector<std::unique_ptr<Session>>& sessions, std::vector<float>& strengths) {
  sessions.push_back(std::make_unique<FaultFinder>());
  strengths.push_back(1.0f);
}

}  // namespace limpid
