#include "limpid/methods/fusion/fusion.h"

#include <atomic>

#include "limpid/decoding/companion.h"
#include "limpid/kernels/thread_pool.h"
#include "limpid/tokenizers/byte_stream.h"

namespace limpid {
namespace {

std::span<float> row_of(Tensor& x, int64_t r) {
  return {x.mutable_data_ptr<float>() + r * x.size(1), size_t(x.size(1))};
}

const char* kPlaceOfRidge = "limpid fit fusion --align ridge makes a map between two models that differ";

}  // namespace

bool same_vocabulary(const Model& a, const Model& b) {
  if (a.config().vocab_size != b.config().vocab_size) return false;
  if (!a.tokenizer() || !b.tokenizer() || a.tokenizer() == b.tokenizer()) return true;
  return vocab_sha256(*a.tokenizer()) == vocab_sha256(*b.tokenizer());
}

/// The text of a row as the calibrator reads it.
struct FusionSession::Text {
  size_t read = 0;                          // tokens of the target taken in so far
  TokenIds ids;                             // the calibrator's
  size_t bos = 0;                           // of them, in front of the text: 0 or 1
  std::optional<ByteAlignedStream> stream;  // where the vocabularies differ

  void apply(const ByteAlignedStream::Change& change) {
    ids.resize(bos + change.keep);
    ids.insert(ids.end(), change.add.begin(), change.add.end());
  }
};

/// The calibrator and, for the contrast, the model it is held against: two models, two caches for each row.
class FusionSession::Helpers {
 public:
  explicit Helpers(const FusionParts& parts) {
    models_.emplace_back(parts.calibrator);
    if (parts.readout == Readout::Contrast) models_.emplace_back(parts.other);
  }
  template <class Work>
  void each(Work work) {
    for (Companion& model : models_) work(model);
  }
  Companion& calibrator() { return models_.front(); }
  Companion& other() { return models_.back(); }

 private:
  std::vector<Companion> models_;
};

FusionSession::FusionSession(const Model& target, FusionParts parts)
    : parts_(std::move(parts)),
      target_tokenizer_(target.tokenizer()) {
  if (parts_.readout == Readout::Temperature) return;
  LIMPID_CHECK(parts_.calibrator, ConfigError, "[fusion] read-out ", limpid::name(parts_.readout),
               " needs a calibrator");
  const Model& calibrator = *parts_.calibrator;
  const int64_t D1 = calibrator.config().hidden_size, D2 = target.config().hidden_size;
  same_vocabulary_ = same_vocabulary(target, calibrator);
  if (parts_.readout == Readout::Probability) {
    LIMPID_CHECK(same_vocabulary_, MismatchError,
                 "[fusion] mixing probabilities needs equal vocabularies (the target has ", target.config().vocab_size,
                 " tokens, the calibrator ", calibrator.config().vocab_size, "); ", kPlaceOfRidge);
  } else if (parts_.map.defined()) {
    LIMPID_CHECK(parts_.map.rows() == D1 && parts_.map.columns() == D2, MismatchError,
                 "[fusion] the map goes from width ", parts_.map.rows(), " to ", parts_.map.columns(),
                 ", the calibrator has ", D1, " and the target ", D2);
  } else {
    LIMPID_CHECK(D1 == D2, MismatchError, "[fusion] the calibrator has width ", D1, ", the target ", D2, "; ",
                 kPlaceOfRidge);
  }
  LIMPID_CHECK(same_vocabulary_ || (target.tokenizer() && calibrator.tokenizer()), MismatchError,
               "[fusion] target and calibrator have different vocabularies, and ",
               target.tokenizer() ? "the calibrator" : "the target", " came without its tokenizer");
  if (parts_.readout == Readout::Contrast) {
    LIMPID_CHECK(parts_.other, ConfigError,
                 "[fusion] the contrast needs a second model to hold the calibrator against");
    LIMPID_CHECK(parts_.other->config().hidden_size == D1 && same_vocabulary(calibrator, *parts_.other), MismatchError,
                 "[fusion] the two models of the contrast differ in width or vocabulary");
  }
  helpers_ = std::make_unique<Helpers>(parts_);
}

FusionSession::~FusionSession() = default;

void FusionSession::admit(const Row& row) {
  if (!helpers_) return;
  Text text;
  if (!same_vocabulary_) {
    const auto& tokenizer = parts_.calibrator->tokenizer();
    text.stream.emplace(target_tokenizer_, tokenizer);
    if (tokenizer->adds_bos() && tokenizer->bos()) text.ids.push_back(*tokenizer->bos());
    text.bos = text.ids.size();
  }
  texts_.insert_or_assign(row.id, std::move(text));
  helpers_->each([&](Companion& model) { model.admit(row.id); });
}

void FusionSession::fork(const Row& from, const Row& to) {
  if (!helpers_) return;
  Text copy = texts_.at(from.id);
  texts_.insert_or_assign(to.id, std::move(copy));
  helpers_->each([&](Companion& model) { model.fork(from.id, to.id); });
}

void FusionSession::release(RowId row) {
  if (!helpers_) return;
  texts_.erase(row);
  helpers_->each([&](Companion& model) { model.release(row); });
}

// The caches follow by themselves: a Companion compares the ids it is given with those it has read.
void FusionSession::rewind(RowId row, size_t tokens) {
  if (!helpers_) return;
  Text& text = texts_.at(row);
  tokens = std::min(tokens, text.read);
  text.read -= tokens;
  if (text.stream)
    text.apply(text.stream->rewind(tokens));
  else
    text.ids.resize(text.read);
}

/// Takes in the target's tokens that are new and returns the calibrator's ids of the whole text.
const TokenIds& FusionSession::advance(const Row& row) {
  Text& text = texts_.at(row.id);
  const TokenIds& prompt = row.request.prompt_ids;
  for (; text.read < prompt.size() + row.new_ids.size(); ++text.read) {
    const TokenId token = text.read < prompt.size() ? prompt[text.read] : row.new_ids[text.read - prompt.size()];
    if (text.stream)
      text.apply(text.stream->push(token));
    else
      text.ids.push_back(token);
  }
  return text.ids;
}

/// What enters the target's space: c A, or (c_safe - c_other) A for the contrast, [R', D2]; c [R', D1] for Probability.
/// @param rows  which rows of the step it belongs to: those whose text has at least one id of the calibrator
Tensor FusionSession::helper_states(const Step& step, std::vector<int64_t>& rows) {
  std::vector<Companion::Text> texts;
  for (size_t r = 0; r < step.rows.size(); ++r) {
    const TokenIds& ids = advance(*step.rows[r]);
    if (ids.empty()) continue;
    texts.push_back({step.rows[r]->id, ids});
    rows.push_back(int64_t(r));
  }
  if (texts.empty()) return {};
  Tensor c = helpers_->calibrator().states(texts);
  if (parts_.readout == Readout::Probability) return c;
  if (parts_.readout == Readout::Contrast) c -= helpers_->other().states(texts);
  return parts_.map.forward(c);
}

void FusionSession::final_state(const Step& step, Tensor& h) {
  if (parts_.readout == Readout::Temperature || parts_.readout == Readout::Probability) return;
  std::vector<int64_t> rows;
  Tensor c = helper_states(step, rows);
  h = h.contiguous();
  for (size_t i = 0; i < rows.size(); ++i) {
    const float strength = step.strengths[size_t(rows[i])];
    const std::span<float> state = row_of(h, rows[i]), from = row_of(c, int64_t(i));
    if (parts_.readout == Readout::Contrast)
      add_scaled(strength, state, from);
    else
      mix_state(parts_.readout, parts_.map.defined(), strength, state, from);
  }
}

void FusionSession::logits(const Step& step, Tensor& z) {
  if (parts_.readout == Readout::Temperature) {
    z = z.contiguous();
    for (size_t r = 0; r < step.rows.size(); ++r) scale_logits(step.strengths[r], row_of(z, int64_t(r)));
    return;
  }
  if (parts_.readout != Readout::Probability) return;
  std::vector<int64_t> rows;
  const Tensor c = helper_states(step, rows);
  if (rows.empty()) return;
  Tensor z_calibrator = parts_.calibrator->output_matrix(c);
  z = z.contiguous();
  std::atomic<bool> nothing_left = false;
  kernels::parallel_for(rows.size(), [&](size_t i) {
    const int64_t r = rows[i];
    if (!mix_log_probabilities(step.strengths[size_t(r)], row_of(z, r), row_of(z_calibrator, int64_t(i))))
      nothing_left = true;
  });
  LIMPID_CHECK(!nothing_left, ConfigError, "[fusion] target and calibrator leave no common token");
}

FusionDetoxifier::FusionDetoxifier(const FusionParts& parts, std::optional<float> default_strength)
    : Detoxifier(concat("fusion/", limpid::name(parts.readout)),
                 default_strength.value_or(limpid::default_strength(parts.readout, parts.map.defined())),
                 strength_range(parts.readout),
                 [parts](const Model& target) { return std::make_unique<FusionSession>(target, parts); }) {}

}  // namespace limpid
