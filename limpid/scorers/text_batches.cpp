#include "limpid/scorers/text_batches.h"

#include <algorithm>
#include <numeric>

namespace limpid {

TextBatches::TextBatches(std::vector<TokenIds> texts) : texts_(std::move(texts)), order_(texts_.size()) {
  std::iota(order_.begin(), order_.end(), size_t(0));
  std::stable_sort(order_.begin(), order_.end(),
                   [&](size_t a, size_t b) { return texts_[a].size() > texts_[b].size(); });
}

TextBatches::Batch TextBatches::next(int64_t max_tokens) {
  Batch batch;
  const size_t begin = next_;
  while (!done() && (next_ == begin || batch.tokens.size() + int64_t(texts_[order_[next_]].size()) <= max_tokens))
    batch.tokens.add(texts_[order_[next_++]]);
  batch.text = std::span(order_).subspan(begin, next_ - begin);
  return batch;
}

void for_each_batch(const Encoder& encoder, std::span<const std::string> texts, int64_t max_length,
                    const std::function<void(const EncoderBatch&, std::span<const size_t>)>& visit) {
  const size_t special = encoder.encode("", max_length).size();
  std::vector<TokenIds> ids;
  std::vector<size_t> places;
  for (size_t i = 0; i < texts.size(); ++i) {
    TokenIds text = encoder.encode(texts[i], max_length);
    if (text.size() <= special) continue;
    ids.push_back(std::move(text));
    places.push_back(i);
  }
  for (TextBatches batches(std::move(ids)); !batches.done();) {
    const TextBatches::Batch batch = batches.next();
    std::vector<size_t> text;
    for (size_t i : batch.text) text.push_back(places[i]);
    visit(batch.tokens, text);
  }
}

}  // namespace limpid
