#include "limpid/methods/activations.h"

#include <algorithm>
#include <numeric>

#include "limpid/core/watch.h"

namespace limpid {
namespace {

constexpr size_t kTokensAtOnce = 512;

Tensor mean_of(const Tensor& x, int64_t begin, int64_t end) {
  return x.narrow(0, begin, end - begin).to(torch::kFloat64).mean(0).to(torch::kFloat32);
}

/// Means of the positions that are wanted, as the layers go by.
class Means final : public ActivationHook {
 public:
  Means(Site site, std::span<const PooledText* const> texts, Tensor& result, std::span<const int64_t> place)
      : site_(site),
        texts_(texts),
        result_(result),
        place_(place) {}
  bool listens(Site site, int64_t) const override { return site == site_; }
  void activations(Site, int64_t layer, const nn::Pass& pass, Tensor& x) override {
    for (size_t t = 0; t < texts_.size(); ++t)
      result_[layer][place_[t]].copy_(mean_of(x, pass.offset[t] + texts_[t]->first, pass.offset[t + 1]));
  }

 private:
  Site site_;
  std::span<const PooledText* const> texts_;
  Tensor& result_;
  std::span<const int64_t> place_;
};

/// Calls read(pass, texts, their places) for texts of like length, several at a time.
template <class Read>
void in_batches(const Model& model, std::span<const PooledText> texts, const std::string& what, Watch& watch,
                Read read) {
  torch::NoGradGuard no_grad;
  std::vector<int64_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return texts[size_t(a)].ids.size() < texts[size_t(b)].ids.size(); });
  Progress progress(watch, what, texts.size(), "texts");
  for (size_t done = 0; done < order.size();) {
    watch.throw_if_stopped();
    std::vector<const PooledText*> batch;
    std::vector<int64_t> place;
    for (size_t tokens = 0;
         done < order.size() && (batch.empty() || tokens + texts[size_t(order[done])].ids.size() <= kTokensAtOnce);
         ++done) {
      const PooledText& text = texts[size_t(order[done])];
      LIMPID_CHECK(text.first >= 0 && text.first < int64_t(text.ids.size()), ConfigError, "[activations] text ",
                   order[done] + 1, " has ", text.ids.size(), " tokens, none of them from position ", text.first,
                   " on");
      tokens += text.ids.size();
      batch.push_back(&text);
      place.push_back(order[done]);
    }
    std::vector<nn::KvCache> caches(batch.size(), model.make_cache());
    std::vector<nn::Sequence> sequences;
    for (size_t t = 0; t < batch.size(); ++t) sequences.push_back({&caches[t], batch[t]->ids});
    nn::Pass pass(sequences);
    read(pass, batch, place);
    progress.update(done);
  }
  progress.finish();
}

}  // namespace

PooledText PooledText::last(TokenIds ids, int64_t window) {
  const int64_t first = std::max<int64_t>(0, int64_t(ids.size()) - window);
  return {std::move(ids), first};
}

PooledText PooledText::whole(TokenIds ids, int64_t most) {
  if (int64_t(ids.size()) > most) ids.resize(size_t(most));
  return {std::move(ids), 0};
}

Tensor mean_activations(const Model& model, Site site, std::span<const PooledText> texts, const std::string& what,
                        Watch& watch) {
  const ModelConfig& config = model.config();
  const int64_t width = site == Site::HeadOutputs ? config.num_heads * config.head_dim : config.hidden_size;
  Tensor result = torch::zeros({config.num_layers, int64_t(texts.size()), width}, torch::kFloat32);
  in_batches(model, texts, what, watch,
             [&](nn::Pass& pass, const std::vector<const PooledText*>& batch, const std::vector<int64_t>& place) {
               Means means(site, batch, result, place);
               model.final_state(pass, Outputs::Last, &means);
             });
  return result;
}

Tensor mean_final_states(const Model& model, std::span<const PooledText> texts, const std::string& what, Watch& watch) {
  Tensor result = torch::zeros({int64_t(texts.size()), model.config().hidden_size}, torch::kFloat32);
  in_batches(model, texts, what, watch,
             [&](nn::Pass& pass, const std::vector<const PooledText*>& batch, const std::vector<int64_t>& place) {
               const Tensor states = model.final_state(pass, Outputs::All);
               for (size_t t = 0; t < batch.size(); ++t)
                 result[place[t]].copy_(mean_of(states, pass.offset[t] + batch[t]->first, pass.offset[t + 1]));
             });
  return result;
}

}  // namespace limpid
