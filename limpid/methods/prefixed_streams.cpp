#include "limpid/methods/prefixed_streams.h"

#include "limpid/core/error.h"

namespace limpid {

PrefixedStreams::PrefixedStreams(const Model& target, std::vector<TokenIds> prefixes, bool keep_heads)
    : prefixes_(std::move(prefixes)),
      companion_(target.shared_from_this(), keep_heads) {
  if (target.tokenizer() && target.tokenizer()->adds_bos()) bos_ = target.tokenizer()->bos();
  std::vector<Companion::Text> texts;
  for (size_t p = 0; p < count(); ++p) {
    if (prefixes_[p].empty()) continue;
    companion_.admit(prefix_key(p));
    texts.push_back({prefix_key(p), prefixes_[p]});
  }
  torch::NoGradGuard no_grad;
  companion_.states(texts);
}

void PrefixedStreams::admit(RowId row) {
  for (size_t p = 0; p < count(); ++p) {
    if (prefixes_[p].empty())
      companion_.admit(key(row, p));
    else
      companion_.fork(prefix_key(p), key(row, p));
  }
}

void PrefixedStreams::fork(RowId from, RowId to) {
  for (size_t p = 0; p < count(); ++p) companion_.fork(key(from, p), key(to, p));
}

void PrefixedStreams::release(RowId row) {
  for (size_t p = 0; p < count(); ++p) companion_.release(key(row, p));
}

std::pair<std::vector<RowId>, std::vector<TokenIds>> PrefixedStreams::texts_of(const Step& step) const {
  std::vector<RowId> keys;
  std::vector<TokenIds> ids;
  for (const Row* row : step.rows) {
    const TokenIds history = row->history();
    for (size_t p = 0; p < count(); ++p) {
      const bool skip_bos = !prefixes_[p].empty() && bos_ && !history.empty() && history.front() == *bos_;
      keys.push_back(key(row->id, p));
      ids.push_back(prefixes_[p]);
      ids.back().insert(ids.back().end(), history.begin() + (skip_bos ? 1 : 0), history.end());
    }
  }
  return {std::move(keys), std::move(ids)};
}

Tensor PrefixedStreams::states(const Step& step) {
  const auto [keys, ids] = texts_of(step);
  std::vector<Companion::Text> texts;
  for (size_t i = 0; i < keys.size(); ++i) texts.push_back({keys[i], ids[i]});
  return companion_.states(texts);
}

void PrefixedStreams::streams(const Step& step, std::vector<Streams>& all) {
  auto [keys, ids] = texts_of(step);
  all.push_back(companion_.streams(keys, std::move(ids)));
}

std::vector<TokenIds> encode_prefixes(const Model& target, const std::vector<std::string>& texts,
                                      const std::string& where) {
  LIMPID_CHECK(target.tokenizer(), ConfigError, where,
               "the target has no tokenizer; the text that is put before the prompt cannot be encoded");
  std::vector<TokenIds> prefixes;
  for (const std::string& text : texts) {
    prefixes.push_back(target.tokenizer()->encode(text, /*add_special=*/true));
    LIMPID_CHECK(!prefixes.back().empty(), ConfigError, where, "a text that is put before the prompt has no tokens");
  }
  return prefixes;
}

}  // namespace limpid
