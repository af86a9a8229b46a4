#include "limpid/decoding/companion.h"

#include <algorithm>

#include "limpid/core/error.h"

namespace limpid {

namespace {

constexpr size_t kTokensAtOnce = 4096;          // bounds the memory of long prompts; a single text may be longer

/// Copies the head outputs at the last token of each sequence, [sequences, L, H * K], behind what `change` makes of them.
class LastHeads final : public ActivationHook {
 public:
  LastHeads(int64_t layers, ActivationHook* change) : layers_(layers), change_(change) {}
  bool listens(Site site, int64_t layer) const override { return site == Site::HeadOutputs || (change_ && change_->listens(site, layer)); }
  void activations(Site site, int64_t layer, const nn::Pass& pass, Tensor& x) override {
    if (change_ && change_->listens(site, layer)) change_->activations(site, layer, pass, x);
    if (site != Site::HeadOutputs) return;
    const int64_t count = int64_t(pass.sequences.size());
    if (!heads.defined()) heads = torch::empty({count, layers_, x.size(1)}, torch::kFloat32);
    for (int64_t s = 0; s < count; ++s) heads[s][layer].copy_(x[pass.offset[size_t(s) + 1] - 1]);
  }
  bool listens(Projection projection, int64_t layer) const override { return change_ && change_->listens(projection, layer); }
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

std::span<const TokenId> Companion::unread(RowState& row, std::span<const TokenId> ids) {
  const int64_t limit = model_->config().max_positions;
  LIMPID_CHECK(limit == 0 || int64_t(ids.size()) <= limit, ConfigError, "[companion] a text of ", ids.size(), " tokens does not fit the context of ", limit,
               " of the model that reads along");
  const size_t both = std::min(row.ids.size(), ids.size());
  size_t agree = size_t(std::mismatch(row.ids.begin(), row.ids.begin() + long(both), ids.begin()).first - row.ids.begin());
  if (agree == ids.size() && agree == row.ids.size()) return {};
  if (agree == ids.size()) --agree;                                      // shorter than before: its last id is read again
  row.cache.truncate(agree);
  row.ids.resize(agree);
  return ids.subspan(agree);
}

Tensor Companion::states(std::span<const Text> texts) {
  std::vector<std::pair<RowState*, const Text*>> behind;
  std::vector<nn::Sequence> sequences;
  for (const Text& text : texts) {
    RowState& row = rows_.at(text.row);
    const auto tokens = unread(row, text.ids);
    if (tokens.empty()) continue;
    behind.emplace_back(&row, &text);
    sequences.push_back({&row.cache, tokens});
    tokens_read_ += tokens.size();
  }
  for (size_t first = 0, end = 0; first < behind.size(); first = end) {
    for (size_t tokens = 0; end < behind.size() && (end == first || tokens + sequences[end].tokens.size() <= kTokensAtOnce); ++end)
      tokens += sequences[end].tokens.size();
    nn::Pass pass(std::span<const nn::Sequence>(sequences).subspan(first, end - first));
    LastHeads last(model_->config().num_layers, change_.get());
    const Tensor fresh = model_->final_state(pass, Outputs::Last, keep_heads_ ? &last : change_.get());
    for (size_t r = first; r < end; ++r) {
      const auto& [row, text] = behind[r];
      row->ids.assign(text->ids.begin(), text->ids.end());
      row->state = fresh[int64_t(r - first)];
      if (keep_heads_) row->heads = last.heads[int64_t(r - first)];
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
  std::vector<std::pair<RowState*, std::span<const TokenId>>> behind;
  size_t count = 0;
  for (size_t r = 0; r < rows.size(); ++r) {
    RowState& row = rows_.at(rows[r]);
    const auto tokens = unread(row, found.texts[r]);
    if (tokens.empty()) continue;
    behind.emplace_back(&row, tokens);
    found.sequences.push_back({&row.cache, tokens});
    count += tokens.size();
  }
  if (count > kTokensAtOnce) return {};
  found.done = [this, behind, count](const Tensor& states) {
    for (size_t i = 0; i < behind.size(); ++i) {
      const auto& [row, tokens] = behind[i];
      row->ids.insert(row->ids.end(), tokens.begin(), tokens.end());
      row->state = states[int64_t(i)];
    }
    tokens_read_ += count;
  };
  return found;
}

Streams Companion::streams(std::span<const Row* const> rows) {
  std::vector<RowId> names;
  std::vector<TokenIds> ids;
  for (const Row* row : rows) {
    names.push_back(row->id);
    ids.push_back(row->history());
  }
  return streams(names, std::move(ids));
}

}  // namespace limpid
