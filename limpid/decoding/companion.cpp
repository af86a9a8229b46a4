#include "limpid/decoding/companion.h"

#include <algorithm>

#include "limpid/core/error.h"

namespace limpid {

namespace {

constexpr size_t kTokensAtOnce = 4096;  // bounds the memory of long prompts; a single text may be longer

/// Copies the head outputs at the last token of each sequence, [sequences, L, H * K], behind what `change` makes of
/// them.
class LastHeads final : public ActivationHook {
 public:
  LastHeads(int64_t layers, ActivationHook* change) : layers_(layers), change_(change) {}
  bool listens(Site site, int64_t layer) const override {
    return site == Site::HeadOutputs || (change_ && change_->listens(site, layer));
  }
  void activations(Site site, int64_t layer, const nn::Pass& pass, Tensor& x) override {
    if (change_ && change_->listens(site, layer)) change_->activations(site, layer, pass, x);
    if (site != Site::HeadOutputs) return;
    const int64_t count = int64_t(pass.sequences.size());
    if (!heads.defined()) heads = torch::empty({count, layers_, x.size(1)}, torch::kFloat32);
    for (int64_t s = 0; s < count; ++s) heads[s][layer].copy_(x[pass.offset[size_t(s) + 1] - 1]);
  }
  bool listens(Projection projection, int64_t layer) const override {
    return change_ && change_->listens(projection, layer);
  }
  void projected(Projection projection, int64_t layer, const nn::Pass& pass, const Tensor& x, Tensor& y) override {
    change_->projected(projection, layer, pass, x, y);
  }
  Tensor heads;

 private:
  int64_t layers_;
  ActivationHook* change_;
};

}  // namespace

void Companion::admit(RowId row) { rows_.insert_or_assign(row, RowState{model_->make_cache(), {}, {}, {}}); }

void Companion::fork(RowId from, RowId to) {
  RowState copy = rows_.at(from);
  rows_.insert_or_assign(to, std::move(copy));
}

std::vector<Companion::Unread> Companion::unread(std::span<const Text> texts) {
  const int64_t limit = model_->config().max_positions;
  std::vector<Unread> all;
  for (const Text& text : texts) {
    LIMPID_CHECK(limit == 0 || int64_t(text.ids.size()) <= limit, ConfigError, "[companion] a text of ",
                 text.ids.size(), " tokens does not fit the context of ", limit, " of the model that reads along");
    RowState& row = rows_.at(text.row);
    const size_t both = std::min(row.ids.size(), text.ids.size());
    size_t agree =
        size_t(std::mismatch(row.ids.begin(), row.ids.begin() + long(both), text.ids.begin()).first - row.ids.begin());
    if (agree == text.ids.size() && agree == row.ids.size()) continue;
    if (agree == text.ids.size()) --agree;  // shorter than before: its last id is read again
    row.cache.truncate(agree);
    row.ids.resize(agree);
    all.push_back({&row, text.ids.subspan(agree)});
  }
  return all;
}

void Companion::has_read(const Unread& text, Tensor state) {
  text.row->ids.insert(text.row->ids.end(), text.tokens.begin(), text.tokens.end());
  text.row->state = std::move(state);
  tokens_read_ += text.tokens.size();
}

Tensor Companion::states(std::span<const Text> texts) {
  const std::vector<Unread> behind = unread(texts);
  for (size_t first = 0, end = 0; first < behind.size(); first = end) {
    std::vector<nn::Sequence> sequences;
    for (size_t tokens = 0;
         end < behind.size() && (end == first || tokens + behind[end].tokens.size() <= kTokensAtOnce); ++end) {
      tokens += behind[end].tokens.size();
      sequences.push_back({&behind[end].row->cache, behind[end].tokens});
    }
    nn::Pass pass(sequences);
    LastHeads last(model_->config().num_layers, change_.get());
    const Tensor fresh = model_->final_state(pass, Outputs::Last, keep_heads_ ? &last : change_.get());
    for (size_t r = first; r < end; ++r) {
      has_read(behind[r], fresh[int64_t(r - first)]);
      if (keep_heads_) behind[r].row->heads = last.heads[int64_t(r - first)];
    }
  }
  Tensor all = torch::empty({int64_t(texts.size()), model_->config().hidden_size}, torch::kFloat32);
  for (size_t r = 0; r < texts.size(); ++r) all[int64_t(r)].copy_(rows_.at(texts[r].row).state);
  return all;
}

Streams Companion::streams(std::span<const RowId> rows, std::vector<TokenIds> ids) {
  LIMPID_CHECK(!keep_heads_, ConfigError, "[companion] heads are kept by states() only");
  Streams found;
  found.change = change_.get();
  found.texts = std::move(ids);
  std::vector<Text> texts;
  for (size_t r = 0; r < rows.size(); ++r) texts.push_back({rows[r], found.texts[r]});
  const std::vector<Unread> behind = unread(texts);
  size_t tokens = 0;
  for (const Unread& text : behind) {
    found.sequences.push_back({&text.row->cache, text.tokens});
    tokens += text.tokens.size();
  }
  if (tokens > kTokensAtOnce) return {};
  found.done = [this, behind](const Tensor& states) {
    for (size_t i = 0; i < behind.size(); ++i) has_read(behind[i], states[int64_t(i)]);
  };
  return found;
}

namespace {

std::vector<TokenIds> histories(std::span<const Row* const> rows) {
  std::vector<TokenIds> ids;
  for (const Row* row : rows) ids.push_back(row->history());
  return ids;
}

}  // namespace

Tensor Companion::states(std::span<const Row* const> rows) {
  const std::vector<TokenIds> ids = histories(rows);
  std::vector<Text> texts;
  for (size_t r = 0; r < rows.size(); ++r) texts.push_back({rows[r]->id, ids[r]});
  return states(texts);
}

Streams Companion::streams(std::span<const Row* const> rows) {
  std::vector<RowId> names;
  for (const Row* row : rows) names.push_back(row->id);
  return streams(names, histories(rows));
}

}  // namespace limpid
