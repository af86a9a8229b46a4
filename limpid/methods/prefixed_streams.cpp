#include "limpid/methods/prefixed_streams.h"

#include "limpid/core/error.h"

namespace limpid {

PrefixedStreams::PrefixedStreams(const Model& target, std::vector<TokenIds> prefixes, bool keep_heads)
    : prefixes_(std::move(prefixes)), companion_(target.shared_from_this(), keep_heads) {
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
    if (prefixes_[p].empty()) companion_.admit(key(row, p));
    else companion_.fork(prefix_key(p), key(row, p));
  }
}

void PrefixedStreams::fork(RowId from, RowId to) {
  for (size_t p = 0; p < count(); ++p) companion_.fork(key(from, p), key(to, p));
}

void PrefixedStreams::release(RowId row) {
  for (size_t p = 0; p < count(); ++p) companion_.release(key(row, p));
}

TokenIds PrefixedStreams::text_of(const Row& row, size_t prefix) const {
  const TokenIds history = row.history();
  TokenIds all = prefixes_[prefix];
  const bool skip_bos = !all.empty() && bos_ && !history.empty() && history.front() == *bos_;
  all.insert(all.end(), history.begin() + (skip_bos ? 1 : 0), history.end());
  return all;
}

Tensor PrefixedStreams::states(const Step& step) {
  std::vector<TokenIds> ids;
  ids.reserve(step.rows.size() * count());
  std::vector<Companion::Text> texts;
  for (const Row* row : step.rows) {
    for (size_t p = 0; p < count(); ++p) {
      ids.push_back(text_of(*row, p));
      texts.push_back({key(row->id, p), ids.back()});
    }
  }
  return companion_.states(texts);
}

void PrefixedStreams::streams(const Step& step, std::vector<Streams>& all) {
  std::vector<TokenIds> ids;
  std::vector<RowId> keys;
  for (const Row* row : step.rows) {
    for (size_t p = 0; p < count(); ++p) {
      ids.push_back(text_of(*row, p));
      keys.push_back(key(row->id, p));
    }
  }
  all.push_back(companion_.streams(keys, std::move(ids)));
}

std::vector<TokenIds> encode_prefixes(const Model& target, const std::vector<std::string>& texts, const std::string& where) {
  LIMPID_CHECK(target.tokenizer(), ConfigError, where, "the target has no tokenizer; the text that is put before the prompt cannot be encoded");
  std::vector<TokenIds> prefixes;
  for (const std::string& text : texts) {
    prefixes.push_back(target.tokenizer()->encode(text, /*add_special=*/true));
    LIMPID_CHECK(!prefixes.back().empty(), ConfigError, where, "a text that is put before the prompt has no tokens");
  }
  return prefixes;
}

}  // namespace limpid
