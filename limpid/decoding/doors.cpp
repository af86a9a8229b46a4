#include "limpid/decoding/doors.h"

namespace limpid {

Doors::Doors(std::span<const std::unique_ptr<Session>> sessions, std::span<const Row* const> rows, ActivationHook* observer)
    : all_rows_(rows.size()), observer_(observer) {
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

Doors::Result Doors::step(const Model& model, nn::Pass& pass) {
  for (const View& view : views_) view.session->begin(view.step(nullptr));
  Result result;
  result.final_state = model.final_state(pass, Outputs::Last, views_.empty() && !observer_ ? nullptr : this);
  edit_rows(result.final_state, [](Session& session, const Step& step, Tensor& h) { session.final_state(step, h); });
  result.logits = model.output_matrix(result.final_state);
  edit_rows(result.logits, [](Session& session, const Step& step, Tensor& z) { session.logits(step, z); });
  return result;
}

bool Doors::listens(Site site, int64_t layer) const {
  if (observer_ && observer_->listens(site, layer)) return true;
  for (const View& view : views_)
    if (view.session->listens(site, layer)) return true;
  return false;
}

void Doors::activations(Site site, int64_t layer, const nn::Pass& pass, Tensor& x) {
  for (const View& view : views_)
    if (view.session->listens(site, layer)) view.session->activations(site, layer, view.step(&pass), x);
  if (observer_ && observer_->listens(site, layer)) observer_->activations(site, layer, pass, x);
}

bool Doors::listens(Projection projection, int64_t layer) const {
  for (const View& view : views_)
    if (view.session->listens(projection, layer)) return true;
  return false;
}

void Doors::projected(Projection projection, int64_t layer, const nn::Pass& pass, const Tensor& x, Tensor& y) {
  for (const View& view : views_)
    if (view.session->listens(projection, layer)) view.session->projected(projection, layer, view.step(&pass), x, y);
}

}  // namespace limpid
