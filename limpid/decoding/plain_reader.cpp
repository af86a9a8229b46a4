#include "limpid/decoding/plain_reader.h"

namespace limpid {
namespace {

class PlainReader final : public Session {
 public:
  explicit PlainReader(const Model& model) : model_(model.shared_from_this()) {}

  std::vector<Reading> readings() const override { return {{.model = model_}}; }
  void logits(const Step& step, Tensor&) override {
    const Tensor plain = step.read(0).logits();
    for (size_t r = 0; r < step.active.size(); ++r) step.active[r]->plain_logits = plain[int64_t(r)];
  }

 private:
  std::shared_ptr<const Model> model_;
};

}  // namespace

std::unique_ptr<Session> make_plain_reader(const Model& model) { return std::make_unique<PlainReader>(model); }

}  // namespace limpid
