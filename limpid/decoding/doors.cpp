#include "limpid/decoding/doors.h"

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/decoding/logits.h"

namespace limpid {
namespace {

/// A session with the rows that it sees in a step.
struct SessionView {
  Session* session;
  size_t index;
  const Readings* readings;
  std::vector<const Row*> rows;
  std::vector<ActiveRow*> active;
  std::vector<float> strengths;
  std::vector<int64_t> sequence;

  void add(ActiveRow* row, int64_t place) {
    rows.push_back(&row->row);
    active.push_back(row);
    strengths.push_back(row->strengths[index]);
    sequence.push_back(place);
  }
  void drop_failed() {
    if (std::none_of(active.begin(), active.end(), [](const ActiveRow* row) { return row->error.has_value(); })) return;
    SessionView left{session, index, readings, {}, {}, {}, {}};
    for (size_t r = 0; r < active.size(); ++r)
      if (!active[r]->error) left.add(active[r], sequence[r]);
    *this = std::move(left);
  }
  Step step(const nn::Pass* pass, bool is_part = false) const {
    return {rows, strengths, pass, sequence, active, readings, index, is_part};
  }
};

/// The sessions at the doors of one step; those without rows are left out.
class OpenDoors final : public ActivationHook {
 public:
  OpenDoors(std::span<const std::unique_ptr<Session>> sessions, const Readings& readings,
            std::span<ActiveRow* const> rows, ReadingPass* beside, ActivationHook* observer, bool is_part = false)
      : all_rows_(rows.size()),
        beside_(beside),
        observer_(observer),
        is_part_(is_part) {
    for (size_t s = 0; s < sessions.size(); ++s) {
      SessionView view{sessions[s].get(), s, &readings, {}, {}, {}, {}};
      for (size_t r = 0; r < rows.size(); ++r)
        if (rows[r]->strengths[s] != 0.0f && !rows[r]->error) view.add(rows[r], int64_t(r));
      if (!view.rows.empty()) views_.push_back(std::move(view));
    }
  }

  /// Lets each session edit its rows of `x` [rows, …] that have not failed.
  template <class Edit>
  void edit_rows(Tensor& x, Edit edit) {
    for (SessionView& view : views_) {
      view.drop_failed();
      if (view.rows.empty()) continue;
      if (view.rows.size() == all_rows_) {
        edit(view, x);
        continue;
      }
      const Tensor places = torch::tensor(view.sequence);
      Tensor part = x.index_select(0, places);
      edit(view, part);
      x.index_copy_(0, places, part);
    }
  }

  bool listens(Site site, int64_t layer) const override {
    return (beside_ && beside_->listens(site, layer)) || (observer_ && observer_->listens(site, layer)) ||
           std::any_of(views_.begin(), views_.end(),
                       [&](const SessionView& view) { return view.session->listens(site, layer); });
  }
  void activations(Site site, int64_t layer, const nn::Pass& pass, Tensor& x) override {
    if (beside_) beside_->activations(site, layer, pass, x);  // first: sessions may look at heads that were read
    for (const SessionView& view : views_)
      if (view.session->listens(site, layer)) view.session->activations(site, layer, view.step(&pass, is_part_), x);
    if (observer_ && observer_->listens(site, layer)) observer_->activations(site, layer, pass, x);
  }
  bool listens(Projection projection, int64_t layer) const override {
    return (beside_ && beside_->listens(projection, layer)) ||
           std::any_of(views_.begin(), views_.end(),
                       [&](const SessionView& view) { return view.session->listens(projection, layer); });
  }
  void projected(Projection projection, int64_t layer, const nn::Pass& pass, const Tensor& x, Tensor& y) override {
    for (const SessionView& view : views_)
      if (view.session->listens(projection, layer))
        view.session->projected(projection, layer, view.step(&pass, is_part_), x, y);
    if (beside_) beside_->projected(projection, layer, pass, x, y);
  }

 private:
  std::vector<SessionView> views_;
  size_t all_rows_;
  ReadingPass* beside_;  // null once the pass is over
  ActivationHook* observer_;
  bool is_part_;
};

void fail_rows_without_choice(std::span<ActiveRow* const> rows, Tensor& z, const std::string& origin) {
  const auto logits = rows_of(z);
  kernels::parallel_for(rows.size(), [&](size_t r) {
    if (const char* fault = fault_of(logits[r]); fault && !rows[r]->error) {
      rows[r]->error =
          concat("[generator] token ", rows[r]->row.new_ids.size() + 1, ": logits of ", origin, ": ", fault);
      rows[r]->not_finite = true;
    }
  });
}

}  // namespace

Doors::Doors(std::shared_ptr<const Model> model, std::vector<std::unique_ptr<Session>> sessions, Watch& watch)
    : model_(std::move(model)),
      sessions_(std::move(sessions)),
      gates_(*model_, sessions_, watch),
      readings_(model_, sessions_) {}

void Doors::check_strengths(std::span<const float> strengths) const {
  for (size_t s = 0; s < std::min(sessions_.size(), strengths.size()); ++s)
    sessions_[s]->limits.check(strengths[s], "[request] ");
}

ActiveRow Doors::open_row(Request request) const {
  request.strengths.resize(sessions_.size(), 0.0f);
  check_strengths(request.strengths);
  ActiveRow row{{.request = std::move(request)}, model_->make_cache()};
  row.memories.resize(sessions_.size());
  gates_.prepare(row);
  return row;
}

/// Returns the states after the final norm, [rows, D], of the rows at the strengths of this step.
Tensor Doors::read(std::span<ActiveRow* const> rows, ActivationHook* observer) {
  ReadingPass beside = readings_.read_ahead(rows, /*beside=*/!observer);
  OpenDoors doors(sessions_, readings_, rows, &beside, observer);
  std::vector<nn::Sequence> sequences;
  for (ActiveRow* row : rows) sequences.push_back({&row->cache, row->unread()});
  beside.append_to(sequences);
  nn::Pass pass(sequences);
  const int64_t count = int64_t(rows.size());
  const Tensor states = model_->final_state(pass, Outputs::Last, &doors);
  beside.finish(states.narrow(0, count, states.size(0) - count));
  return states.narrow(0, 0, count);
}

/// Lets sessions in where the plain step of a row opens its gate: its last token is read again with them.
/// @param waiting  the rows whose gates are closed    @param states  of all rows; those read again are replaced
/// @return  the plain logits of the waiting rows, [waiting, V]
Tensor Doors::open_gates(std::span<ActiveRow* const> rows, std::span<const int64_t> waiting, Tensor& states,
                         ActivationHook* observer) {
  Tensor plain = states.index_select(0, torch::tensor(at::IntArrayRef(waiting.data(), waiting.size())));
  Tensor logits = model_->output_matrix(plain).contiguous();
  const auto plain_rows = rows_of(plain), logit_rows = rows_of(logits);
  std::vector<int64_t> opened;
  std::vector<ActiveRow*> reread;
  for (size_t i = 0; i < waiting.size(); ++i) {
    ActiveRow* row = rows[size_t(waiting[i])];
    if (!gates_.open(*row, plain_rows[i], logit_rows[i])) continue;
    row->cache.truncate(row->cache.length() - 1);
    opened.push_back(waiting[i]);
    reread.push_back(row);
  }
  if (!reread.empty()) states.index_copy_(0, torch::tensor(opened), read(reread, observer));
  return logits;
}

/// Returns the logits of all rows, [rows, V]. Those of rows that stayed plain are known.
Tensor Doors::logits_of(std::span<ActiveRow* const> rows, const Tensor& states, std::span<const int64_t> waiting,
                        const Tensor& plain) const {
  if (waiting.empty()) return model_->output_matrix(states);
  std::vector<int64_t> known, kept, rest;  // kept: of `plain`
  for (size_t r = 0, w = 0; r < rows.size(); ++r) {
    const bool is_waiting = w < waiting.size() && waiting[w] == int64_t(r);
    const bool is_plain = std::ranges::all_of(rows[r]->strengths, [](float strength) { return strength == 0.0f; });
    if (is_waiting && is_plain) {
      known.push_back(int64_t(r));
      kept.push_back(int64_t(w));
    } else {
      rest.push_back(int64_t(r));
    }
    w += is_waiting;
  }
  if (rest.empty()) return plain;
  Tensor logits = torch::empty({int64_t(rows.size()), plain.size(1)}, torch::kFloat32);
  if (!known.empty()) logits.index_copy_(0, torch::tensor(known), plain.index_select(0, torch::tensor(kept)));
  const Tensor places = torch::tensor(rest);
  logits.index_copy_(0, places, model_->output_matrix(states.index_select(0, places)));
  return logits;
}

Doors::Result Doors::step(std::span<ActiveRow* const> rows, ActivationHook* observer) {
  for (ActiveRow* row : rows) gates_.hold(*row);
  Result result{read(rows, observer), {}};
  std::vector<int64_t> waiting;
  for (size_t r = 0; r < rows.size(); ++r)
    if (!rows[r]->error && gates_.is_waiting(*rows[r])) waiting.push_back(int64_t(r));
  Tensor plain;
  if (!waiting.empty()) plain = open_gates(rows, waiting, result.final_state, observer);

  OpenDoors doors(sessions_, readings_, rows, nullptr, nullptr);
  doors.edit_rows(result.final_state,
                  [](const SessionView& view, Tensor& h) { view.session->final_state(view.step(nullptr), h); });
  result.logits = logits_of(rows, result.final_state, waiting, plain);
  fail_rows_without_choice(rows, result.logits, "the model");
  doors.edit_rows(result.logits, [](const SessionView& view, Tensor& z) {
    view.session->logits(view.step(nullptr), z);
    fail_rows_without_choice(view.active, z, concat("detoxifier ", view.index + 1));
  });
  return result;
}

void Doors::read_part(std::span<ActiveRow* const> rows, std::span<const size_t> tokens) {
  std::vector<nn::Sequence> sequences;
  for (size_t r = 0; r < rows.size(); ++r) {
    gates_.hold(*rows[r]);
    sequences.push_back({&rows[r]->cache, rows[r]->unread().first(tokens[r])});
  }
  OpenDoors doors(sessions_, readings_, rows, nullptr, nullptr, /*is_part=*/true);
  nn::Pass pass(sequences);
  model_->final_state(pass, Outputs::Last, &doors);
}

size_t Doors::cache_bytes() const {
  const nn::KvPool* target = model_->make_cache().pool();
  size_t bytes = target->bytes_in_use();
  for (const auto& helper : readings_.models())
    if (const nn::KvPool* pool = helper->make_cache().pool(); pool != target) bytes += pool->bytes_in_use();
  return bytes;
}

size_t Doors::bytes_to_append(const ActiveRow& row, size_t tokens) const {
  return row.cache.bytes_to_append(tokens) + readings_.bytes_to_append(row, tokens);
}

size_t Doors::bytes_per_token() const {
  const nn::KvPool* target = model_->make_cache().pool();
  return target->bytes_per_page() / target->shape().page_tokens + readings_.bytes_per_token();
}

}  // namespace limpid
