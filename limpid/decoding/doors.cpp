#include "limpid/decoding/doors.h"

#include <utility>

namespace limpid {
namespace {

/// Lets `edit` change some tokens of x, in place or replacing them.
template <class Edit>
void edit_tokens(Tensor& x, int64_t begin, int64_t count, Edit edit) {
  const Tensor there = x.narrow(0, begin, count);
  Tensor part = there;
  edit(part);
  if (!part.is_same(there)) there.copy_(part);
}

}  // namespace

Doors::Doors(std::span<const std::unique_ptr<Session>> sessions, std::span<const Row* const> rows,
             ActivationHook* observer)
    : all_rows_(rows.size()),
      observer_(observer) {
  for (size_t s = 0; s < sessions.size(); ++s) {
    View view{sessions[s].get(), {}, {}, {}};
    for (size_t r = 0; r < rows.size(); ++r) {
      if (rows[r]->request.strengths[s] == 0.0f) continue;
      view.rows.push_back(rows[r]);
      view.strengths.push_back(rows[r]->request.strengths[s]);
      view.sequence.push_back(int64_t(r));
    }
    if (!view.rows.empty()) views_.push_back(std::move(view));
  }
}

template <class Edit>
void Doors::edit_rows(Tensor& x, Edit edit) {
  for (const View& view : views_) {
    const Step step = view.step(nullptr);
    if (view.rows.size() == all_rows_) {
      edit(*view.session, step, x);
      continue;
    }
    const Tensor at = torch::tensor(view.sequence);
    Tensor part = x.index_select(0, at);
    edit(*view.session, step, part);
    x.index_copy_(0, at, part);
  }
}

nn::Pass Doors::with_streams(const nn::Pass& rows) {
  std::vector<Streams> all;
  if (!observer_)
    for (const View& view : views_) view.session->streams(view.step(nullptr), all);
  std::vector<nn::Sequence> sequences = rows.sequences;
  int64_t tokens = rows.size();
  for (Streams& streams : all) {
    if (streams.sequences.empty()) continue;
    nn::Pass alone(streams.sequences);
    sequences.insert(sequences.end(), streams.sequences.begin(), streams.sequences.end());
    const int64_t begin = std::exchange(tokens, tokens + alone.size());
    beside_.push_back({std::move(streams), std::move(alone), begin});
  }
  return nn::Pass(sequences);
}

Doors::Result Doors::step(const Model& model, const nn::Pass& rows) {
  for (const View& view : views_) view.session->begin(view.step(nullptr));
  nn::Pass pass = with_streams(rows);
  const Tensor states = model.final_state(pass, Outputs::Last, views_.empty() && !observer_ ? nullptr : this);
  int64_t next = int64_t(all_rows_);
  Result result{states.narrow(0, 0, next), {}};
  for (const Beside& other : beside_) {
    const int64_t count = int64_t(other.streams.sequences.size());
    other.streams.done(states.narrow(0, next, count));
    next += count;
  }
  edit_rows(result.final_state, [](Session& session, const Step& step, Tensor& h) { session.final_state(step, h); });
  result.logits = model.output_matrix(result.final_state);
  edit_rows(result.logits, [](Session& session, const Step& step, Tensor& z) { session.logits(step, z); });
  return result;
}

bool Doors::listens(Site site, int64_t layer) const {
  if (observer_ && observer_->listens(site, layer)) return true;
  for (const View& view : views_)
    if (view.session->listens(site, layer)) return true;
  for (const Beside& other : beside_)
    if (other.streams.change && other.streams.change->listens(site, layer)) return true;
  return false;
}

void Doors::activations(Site site, int64_t layer, const nn::Pass& pass, Tensor& x) {
  for (const View& view : views_)
    if (view.session->listens(site, layer)) view.session->activations(site, layer, view.step(&pass), x);
  for (const Beside& other : beside_)
    if (other.streams.change && other.streams.change->listens(site, layer))
      edit_tokens(x, other.begin, other.pass.size(),
                  [&](Tensor& part) { other.streams.change->activations(site, layer, other.pass, part); });
  if (observer_ && observer_->listens(site, layer)) observer_->activations(site, layer, pass, x);
}

bool Doors::listens(Projection projection, int64_t layer) const {
  for (const View& view : views_)
    if (view.session->listens(projection, layer)) return true;
  for (const Beside& other : beside_)
    if (other.streams.change && other.streams.change->listens(projection, layer)) return true;
  return false;
}

void Doors::projected(Projection projection, int64_t layer, const nn::Pass& pass, const Tensor& x, Tensor& y) {
  for (const View& view : views_)
    if (view.session->listens(projection, layer)) view.session->projected(projection, layer, view.step(&pass), x, y);
  for (const Beside& other : beside_)
    if (other.streams.change && other.streams.change->listens(projection, layer)) {
      const Tensor input = x.narrow(0, other.begin, other.pass.size());
      edit_tokens(y, other.begin, other.pass.size(),
                  [&](Tensor& part) { other.streams.change->projected(projection, layer, other.pass, input, part); });
    }
}

}  // namespace limpid
