#include "limpid/decoding/readings.h"

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/decoding/session.h"

namespace limpid {
namespace {

constexpr size_t kTokensAtOnce = 4096;  // bounds the memory of long prompts; a single text may be longer

/// Lets `edit` change some tokens of x, in place or replacing them.
template <class Edit>
void edit_tokens(Tensor& x, int64_t begin, int64_t count, Edit edit) {
  const Tensor before = x.narrow(0, begin, count);
  Tensor part = before;
  edit(part);
  if (!part.is_same(before)) before.copy_(part);
}

size_t count_tokens(std::span<const UnreadText> texts) {
  size_t tokens = 0;
  for (const UnreadText& text : texts) tokens += text.tokens().size();
  return tokens;
}

std::optional<TokenId> bos_in_front(const Tokenizer* tokenizer) {
  return tokenizer && tokenizer->adds_bos() ? tokenizer->bos() : std::nullopt;
}

size_t common_beginning(const TokenIds& a, const TokenIds& b) {
  return size_t(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

/// Takes a text back to where it agrees with `ids`, which it holds from then on; to its beginning, where that lies
/// behind a window.
/// @return  how many of them its cache has
size_t hold_ids(TextState& text, TokenIds ids) {
  size_t agree = common_beginning(text.ids, ids);
  if (agree == ids.size() && agree == text.ids.size()) return agree;
  if (agree == ids.size() && agree > 0) --agree;  // shorter than before: its last id is read again
  if (ids.empty()) text.state = Tensor();
  text.cache.truncate(agree);
  text.ids = std::move(ids);
  return text.cache.length();
}

/// Returns the bytes of `history`, ids of the target's vocabulary, as the other tokenizer's ids.
TokenIds translated(TextState& text, const TokenIds& history, const Tokenizer& tokenizer) {
  const size_t agree = common_beginning(text.taken, history);
  if (agree < text.taken.size()) text.bytes->rewind(text.taken.size() - agree);
  for (size_t i = agree; i < history.size(); ++i) text.bytes->push(history[i]);
  text.taken = history;
  TokenIds ids = text.bytes->ids();
  if (const auto bos = bos_in_front(&tokenizer)) ids.insert(ids.begin(), *bos);
  return ids;
}

}  // namespace

std::span<const TokenId> ActiveRow::unread() const {
  const TokenIds& prompt = row.request.prompt_ids;
  if (cache.length() < prompt.size()) return std::span(prompt).subspan(cache.length());
  return std::span(row.new_ids).subspan(cache.length() - prompt.size());
}

bool ReadingStream::is_wanted(const ActiveRow& row) const {
  return std::any_of(uses.begin(), uses.end(), [&](const Use& use) {
    return row.strengths[use.session] != 0.0f && (!use.reading->wanted || use.reading->wanted(row.row));
  });
}

ReadingPass::ReadingPass(std::vector<UnreadText> texts) : texts_(std::move(texts)) {
  for (size_t first = 0, end = 0; first < texts_.size(); first = end) {
    const ReadingStream* stream = texts_[first].stream;
    std::vector<nn::Sequence> sequences;
    for (; end < texts_.size() && texts_[end].stream == stream; ++end)
      sequences.push_back({&texts_[end].text->cache, texts_[end].tokens()});
    groups_.push_back({stream, std::span(texts_).subspan(first, end - first), nn::Pass(sequences)});
  }
}

void ReadingPass::append_to(std::vector<nn::Sequence>& sequences) {
  int64_t begin = 0;
  for (const nn::Sequence& sequence : sequences) begin += int64_t(sequence.tokens.size());
  for (Group& group : groups_) {
    group.begin = begin;
    if (group.stream->heads)
      group.last_tokens = torch::tensor(group.pass.offset).slice(/*dim=*/0, /*start=*/1) + (begin - 1);
    begin += group.pass.size();
    sequences.insert(sequences.end(), group.pass.sequences.begin(), group.pass.sequences.end());
  }
}

void ReadingPass::finish(const Tensor& states) {
  for (size_t t = 0; t < texts_.size(); ++t) texts_[t].text->state = states[int64_t(t)];
}

bool ReadingPass::listens(Site site, int64_t layer) const {
  return std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    const ActivationHook* change = group.stream->change.get();
    return (group.stream->heads && site == Site::HeadOutputs) || (change && change->listens(site, layer));
  });
}

void ReadingPass::activations(Site site, int64_t layer, const nn::Pass&, Tensor& x) {
  for (Group& group : groups_) {
    if (ActivationHook* change = group.stream->change.get(); change && change->listens(site, layer))
      edit_tokens(x, group.begin, group.pass.size(),
                  [&](Tensor& part) { change->activations(site, layer, group.pass, part); });
    if (group.stream->heads && site == Site::HeadOutputs) keep_heads(group, layer, x);
  }
}

void ReadingPass::keep_heads(Group& group, int64_t layer, const Tensor& x) {
  const int64_t count = int64_t(group.texts.size());
  if (!group.heads.defined()) {
    group.heads = torch::empty({count, group.stream->model->config().num_layers, x.size(1)}, torch::kFloat32);
    for (int64_t t = 0; t < count; ++t) group.texts[size_t(t)].text->heads = group.heads[t];
  }
  group.heads.select(1, layer).copy_(x.index_select(0, group.last_tokens));
}

bool ReadingPass::listens(Projection projection, int64_t layer) const {
  return std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    return group.stream->change && group.stream->change->listens(projection, layer);
  });
}

void ReadingPass::projected(Projection projection, int64_t layer, const nn::Pass&, const Tensor& x, Tensor& y) {
  for (Group& group : groups_) {
    ActivationHook* change = group.stream->change.get();
    if (!change || !change->listens(projection, layer)) continue;
    const Tensor input = x.narrow(0, group.begin, group.pass.size());
    edit_tokens(y, group.begin, group.pass.size(),
                [&](Tensor& part) { change->projected(projection, layer, group.pass, input, part); });
  }
}

const TextState* ReadTexts::text(size_t r, size_t prefix) const {
  const auto& texts = rows_[r]->texts;
  const size_t stream = streams_[prefix];
  return stream < texts.size() && texts[stream] ? &*texts[stream] : nullptr;
}

bool ReadTexts::has(size_t r) const {
  if (reading_->wanted && !reading_->wanted(rows_[r]->row)) return false;
  const TextState* first = text(r, 0);
  return first && !first->ids.empty();
}

Tensor ReadTexts::states() const {
  const size_t P = streams_.size();
  Tensor states = torch::zeros({int64_t(rows_.size() * P), reading_->model->config().hidden_size}, torch::kFloat32);
  for (size_t r = 0; r < rows_.size(); ++r)
    for (size_t p = 0; has(r) && p < P; ++p) states[int64_t(r * P + p)].copy_(text(r, p)->state);
  return states;
}

Tensor ReadTexts::logits(std::span<const TokenIds> wanted) const {
  const Model& model = *reading_->model;
  return (wanted.empty() ? model.output_matrix(states()) : model.output_matrix(states(), wanted)).contiguous();
}

Readings::Readings(std::shared_ptr<const Model> target, std::span<const std::unique_ptr<Session>> sessions)
    : target_(std::move(target)),
      asked_(sessions.size()) {
  for (size_t s = 0; s < sessions.size(); ++s)
    for (Reading& reading : sessions[s]->readings()) asked_[s].push_back({std::move(reading), {}, {}});
  for (size_t s = 0; s < sessions.size(); ++s)
    for (Asked& asked : asked_[s])
      for (const TokenIds& prefix : asked.reading.prefixes) {
        asked.streams.push_back(stream_of(asked.reading, prefix));
        streams_[asked.streams.back()].uses.push_back({s, &asked.reading});
      }
  for (auto& of_session : asked_)
    for (Asked& asked : of_session)
      for (size_t stream : asked.streams) asked.prefixes.push_back(&streams_[stream].prefix);
  torch::NoGradGuard no_grad;
  for (const auto& model : models_) {
    std::vector<UnreadText> prefixes;
    for (ReadingStream& stream : streams_)
      if (stream.model == model && !stream.prefix.ids.empty()) prefixes.push_back({&stream, &stream.prefix, 0});
    read(prefixes);
  }
}

size_t Readings::stream_of(const Reading& reading, const TokenIds& prefix) {
  const auto matches = [&](const ReadingStream& stream) {
    return stream.model == reading.model && stream.change == reading.change && stream.tokenizer == reading.tokenizer &&
           stream.prefix.ids == prefix;
  };
  auto match = std::find_if(streams_.begin(), streams_.end(), matches);
  if (match == streams_.end()) {
    TextState start{reading.model->make_cache(), prefix, {}, {}, {}, {}};
    if (reading.tokenizer) start.bytes.emplace(target_->tokenizer(), reading.tokenizer);
    streams_.push_back({reading.model, reading.change, reading.tokenizer, false, std::move(start), {}});
    if (std::find(models_.begin(), models_.end(), reading.model) == models_.end()) models_.push_back(reading.model);
    match = std::prev(streams_.end());
  }
  match->heads |= reading.heads;
  return size_t(match - streams_.begin());
}

TokenIds Readings::ids_of(const ReadingStream& stream, TextState& text, const TokenIds& history) const {
  const TokenIds ids = stream.tokenizer ? translated(text, history, *stream.tokenizer) : history;
  if (stream.prefix.ids.empty()) return ids;
  const auto bos = bos_in_front(stream.model->tokenizer().get());  // the prefix has it in front already
  TokenIds joined = stream.prefix.ids;
  joined.insert(joined.end(), ids.begin() + (bos && !ids.empty() && ids.front() == *bos), ids.end());
  return joined;
}

std::vector<UnreadText> Readings::find_unread(const Model& model, std::span<ActiveRow* const> rows) {
  const int64_t limit = model.config().max_positions;
  std::vector<UnreadText> unread;
  for (size_t s = 0; s < streams_.size(); ++s) {
    const ReadingStream& stream = streams_[s];
    if (stream.model.get() != &model) continue;
    for (ActiveRow* row : rows) {
      if (row->error || !stream.is_wanted(*row)) continue;
      row->texts.resize(streams_.size());
      TextState& text = row->texts[s] ? *row->texts[s] : row->texts[s].emplace(stream.prefix);
      TokenIds ids = ids_of(stream, text, row->row.history());
      if (limit > 0 && int64_t(ids.size()) > limit) {
        row->error = concat("[reading] a text of ", ids.size(), " tokens does not fit the context of ", limit,
                            " of the model that reads along; give a shorter prompt or fewer new tokens");
        continue;
      }
      const size_t known = hold_ids(text, std::move(ids));
      if (known < text.ids.size()) unread.push_back({&stream, &text, known});
    }
  }
  return unread;
}

void Readings::read(std::span<const UnreadText> texts) {
  while (!texts.empty()) {
    size_t count = 1;
    while (count < texts.size() && count_tokens(texts.first(count + 1)) <= kTokensAtOnce) ++count;
    ReadingPass reading({texts.begin(), texts.begin() + std::ptrdiff_t(count)});
    std::vector<nn::Sequence> sequences;
    reading.append_to(sequences);
    nn::Pass pass(sequences);
    reading.finish(texts.front().stream->model->final_state(pass, Outputs::Last, &reading));
    tokens_read_ += count_tokens(texts.first(count));
    texts = texts.subspan(count);
  }
}

ReadingPass Readings::read_ahead(std::span<ActiveRow* const> rows, bool beside) {
  ReadingPass left;
  for (const auto& model : models_) {
    std::vector<UnreadText> unread = find_unread(*model, rows);
    const size_t tokens = count_tokens(unread);
    if (model == target_ && beside && tokens <= kTokensAtOnce) {
      tokens_read_ += tokens;
      left = ReadingPass(std::move(unread));
    } else {
      read(unread);
    }
  }
  return left;
}

size_t Readings::bytes_to_append(const ActiveRow& row, size_t tokens) const {
  const Request& request = row.row.request;
  const size_t wanted = row.cache.length() + tokens;
  size_t bytes = 0;
  for (size_t s = 0; s < streams_.size(); ++s) {
    const ReadingStream& stream = streams_[s];
    if (std::ranges::all_of(stream.uses, [&](const auto& use) { return request.strengths[use.session] == 0.0f; }))
      continue;
    const nn::KvCache& cache = s < row.texts.size() && row.texts[s] ? row.texts[s]->cache : stream.prefix.cache;
    const size_t length = stream.prefix.ids.size() + wanted;
    bytes += cache.bytes_to_append(length - std::min(length, cache.length()));
  }
  return bytes;
}

size_t Readings::bytes_per_token() const {
  size_t bytes = 0;
  for (const ReadingStream& stream : streams_) {
    const nn::KvPool* pool = stream.prefix.cache.pool();
    bytes += pool->bytes_per_page() / pool->shape().page_tokens;
  }
  return bytes;
}

ReadTexts Readings::texts(size_t session, size_t reading, std::span<ActiveRow* const> rows) const {
  const Asked& asked = asked_[session][reading];
  return {asked.reading, asked.streams, asked.prefixes, rows};
}

}  // namespace limpid
