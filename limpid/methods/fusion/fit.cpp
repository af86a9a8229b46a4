#include "limpid/methods/fusion/fit.h"

#include <torch/types.h>

#include <algorithm>

#include "limpid/core/random.h"
#include "limpid/core/watch.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/fusion/alignment.h"
#include "limpid/methods/fusion/fusion_file.h"
#include "limpid/methods/fusion/method.h"
#include "limpid/models/vocabulary.h"

namespace limpid::fusion {
namespace {

using Store = FusionFileSettings::Store;
constexpr int64_t kNegatives = 10;  // docs/methods.md, Alignment

/// Returns the rows of the output matrices for the tokens both vocabularies have, [N, D1] and [N, D2].
std::pair<Tensor, Tensor> output_rows(const Model& target, const Model& calibrator) {
  std::vector<std::pair<TokenId, TokenId>> common;
  if (target.tokenizer() && calibrator.tokenizer()) {
    common = common_tokens(*calibrator.tokenizer(), *target.tokenizer());
  } else {
    LIMPID_CHECK(same_vocabulary(target, calibrator), ConfigError,
                 "[fit] the contrastive alignment needs both tokenizers");
    for (TokenId id = 0; id < target.config().vocab_size; ++id) common.emplace_back(id, id);
  }
  // A tokenizer may name more tokens than the matrix has rows.
  std::erase_if(common, [&](const auto& pair) {
    return pair.first >= calibrator.config().vocab_size || pair.second >= target.config().vocab_size;
  });
  LIMPID_CHECK(common.size() >= 20, ConfigError, "[fit] the vocabularies have ", common.size(),
               " tokens in common, too few for a contrastive map");
  const auto rows = [&](const Model& model, auto id_of) {
    Tensor result = torch::empty({int64_t(common.size()), model.config().hidden_size}, torch::kFloat32);
    for (size_t i = 0; i < common.size(); ++i)
      model.head().packed()->row(size_t(id_of(common[i])),
                                 result.mutable_data_ptr<float>() + int64_t(i) * result.size(1));
    return result;
  };
  return {rows(calibrator, [](const auto& pair) { return pair.first; }),
          rows(target, [](const auto& pair) { return pair.second; })};
}

/// Trains the contrastive map of docs/methods.md, Alignment: cosine over a temperature on output rows, from the
/// identity or an orthogonal map.
Tensor contrastive_map(const Model& target, const Model& calibrator, const FusionFit& fit, Json& report, Watch& watch) {
  constexpr int64_t kBatch = 32, kEpochs = 5;
  const auto [all_C, all_T] = output_rows(target, calibrator);
  const int64_t count = all_C.size(0), held_out = std::max<int64_t>(2, count / 10), used = count - held_out;
  std::vector<int64_t> order(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) order[size_t(i)] = i;
  RandomStream(fit.seed, /*stream=*/0x726f7773).shuffle(order);
  const Tensor shuffled = torch::tensor(order), C = all_C.index_select(0, shuffled),
               T = all_T.index_select(0, shuffled);
  const int64_t D1 = C.size(1), D2 = T.size(1);
  const Tensor A0 = (D1 == D2 ? identity_map(D1, D2) : random_orthogonal_map(D1, D2, fit.seed)).to(torch::kFloat32);
  const Tensor batches = draw_batches(used, kBatch, kEpochs, fit.seed);
  Tensor negatives = torch::empty({batches.size(0), batches.size(1), kNegatives}, torch::kInt64);
  for (int64_t epoch = 0, per = batches.size(0) / kEpochs; epoch < kEpochs; ++epoch) {
    const Tensor drawn = draw_negatives(used, kNegatives, fit.seed + uint64_t(epoch));
    negatives.narrow(0, epoch * per, per)
        .copy_(drawn.index_select(0, batches.narrow(0, epoch * per, per).reshape({-1}))
                   .view({per, batches.size(1), kNegatives}));
  }
  Progress progress(watch, "contrastive map", uint64_t(batches.size(0)), "steps");
  const Tensor A = train_nce(C.narrow(0, 0, used), T.narrow(0, 0, used), A0, batches, negatives,
                             {true, fit.temperature}, {}, [&](int64_t step, double loss, const Tensor&) {
                               watch.throw_if_stopped();
                               progress.update(uint64_t(step), concat("loss ", loss));
                             });
  progress.finish();
  const Tensor test_C = C.narrow(0, used, held_out), test_T = T.narrow(0, used, held_out),
               others = draw_negatives(held_out, kNegatives, fit.seed);
  report["rows"] = "output";
  report["common_tokens"] = count;
  report["temperature"] = fit.temperature;
  report["row_retrieval_accuracy"] = retrieval_accuracy(test_C, test_T, A, others);
  report["row_retrieval_accuracy_before"] = retrieval_accuracy(test_C, test_T, A0, others);
  return A;
}

/// Makes the map, undefined for Alignment::None, and writes into `report` what is known of it.
Tensor make_map(const Model& target, const Model& calibrator, const FusionFit& fit, Json& report, Watch& watch) {
  const int64_t D1 = calibrator.config().hidden_size, D2 = target.config().hidden_size;
  const bool on_states = fit.alignment == Alignment::Ridge || fit.alignment == Alignment::Procrustes;
  LIMPID_CHECK(!on_states || !fit.texts.empty(), ConfigError, "[fit] --align ", name(fit.alignment),
               " needs texts: give --data");
  report = {{"kind", name(fit.alignment)}};
  StatePairs pairs;
  if (!fit.texts.empty())
    pairs = collect_pairs(target, calibrator, fit.texts, fit.pairs, fit.max_tokens, fit.seed, watch);
  Tensor map;
  if (fit.alignment == Alignment::Contrastive) map = contrastive_map(target, calibrator, fit, report, watch);
  if (fit.alignment == Alignment::Random) map = random_orthogonal_map(D1, D2, fit.seed);
  if (on_states) {
    const Tensor C = pairs.C.narrow(0, 0, pairs.fit), T = pairs.T.narrow(0, 0, pairs.fit);
    if (fit.alignment == Alignment::Procrustes)
      map = procrustes_map(C, T);
    else
      map = ridge_map(C, T, fit.lambda);
    if (fit.alignment == Alignment::Ridge) report["lambda"] = fit.lambda;
  }
  if (pairs.C.defined()) {
    const int64_t held_out = pairs.C.size(0) - pairs.fit;
    const Tensor C = pairs.C.narrow(0, pairs.fit, held_out), T = pairs.T.narrow(0, pairs.fit, held_out);
    const Tensor A = map.defined() ? map : identity_map(D1, D2);
    report["pairs"] = pairs.fit;
    report["held_out_pairs"] = held_out;
    report["texts"] = pairs.texts;
    report["skipped_texts"] = pairs.skipped_texts;
    report["explained_variance"] = explained_variance(C, T, A);
    report["retrieval_accuracy"] = retrieval_accuracy(C, T, A, draw_negatives(held_out, kNegatives, fit.seed));
    report["negatives"] = kNegatives;
  }
  return map;
}

/// Says whether the two models' embeddings and output matrices are the same but for rounding to 16 or 8 bits.
bool same_tables(const Model& a, const Model& b) {
  const auto ours = vocabulary_tables(a), theirs = vocabulary_tables(b);
  if (a.config().architecture != b.config().architecture ||
      a.config().tie_word_embeddings != b.config().tie_word_embeddings)
    return false;
  for (const auto& [name, table] : ours) {
    const auto other = theirs.find(name);
    if (other == theirs.end() || other->second->in() != table->in() || other->second->out() != table->out())
      return false;
    std::vector<float> x(table->in()), y(table->in());
    for (size_t r = 0; r < table->out(); ++r) {
      table->row(r, x.data());
      other->second->row(r, y.data());
      double difference = 0.0, length = 0.0;
      for (size_t i = 0; i < x.size(); ++i) {
        difference += double(x[i] - y[i]) * (x[i] - y[i]);
        length += double(x[i]) * x[i];
      }
      if (difference > 4e-4 * length + 1e-12) return false;  // 2 % of the row's length
    }
  }
  return true;
}

/// @param table  rows of it are looked up (positions, for example), so that it has no blocks
DType stored_type(const std::vector<int64_t>& shape, bool table) {
  if (shape.size() == 1) return DType::F32;
  return !table && shape[1] % 32 == 0 ? DType::Q8_0 : DType::F16;
}

/// Adds the calibrator's tensors but for the tables it shares with its base: matrices in 8 bits, vectors in float32.
void add_blocks(const std::string& prefix, const Model& model, OutgoingTensors& out) {
  const auto checkpoint = Checkpoint::open(model.path());
  const auto shared = vocabulary_tables(model);
  const Family& family = family_of(model.config());
  const std::string output = concat(family.output.name, ".weight");  // present in some files where it is tied
  for (const TensorView& view : checkpoint->tensors()) {
    const std::string plain = without_prefix(family, view.name);
    if (shared.contains(plain) || plain == output || view.shape.empty() || view.shape.size() > 2) continue;
    std::vector<std::byte> storage;
    const std::vector<float> values = to_floats(checkpoint->load(view, storage));
    const Tensor tensor = torch::from_blob(const_cast<float*>(values.data()), view.shape, torch::kFloat32);
    out.add(prefix + view.name, tensor, stored_type(view.shape, model.packed_tables().contains(plain)));
  }
}

void check_fits(const Model& target, const Model& calibrator, const Model* against, const FusionFit& fit) {
  const bool same = same_vocabulary(target, calibrator);
  const int64_t D1 = calibrator.config().hidden_size, D2 = target.config().hidden_size;
  LIMPID_CHECK(fit.chosen_readout() != Readout::Temperature, ConfigError,
               "[fit] the temperature control needs no file: --detox control:temperature:A");
  LIMPID_CHECK(fit.chosen_readout() != Readout::Contrast || against, ConfigError,
               "[fit] --readout contrast needs a second model: give --against");
  LIMPID_CHECK(fit.chosen_readout() != Readout::Probability || same, ConfigError,
               "[fit] --readout probability needs equal vocabularies, and the calibrator's is another; use --readout "
               "norm --align ridge");
  LIMPID_CHECK(fit.alignment != Alignment::None || fit.chosen_readout() == Readout::Probability || (same && D1 == D2),
               ConfigError, "[fit] --align none needs equal ",
               same ? concat("widths, and the calibrator has ", D1, " where the target has ", D2)
                    : std::string("vocabularies, and the calibrator's is another"),
               "; use --align ridge");
  if (against)
    LIMPID_CHECK(against->config().hidden_size == D1 && same_vocabulary(calibrator, *against), ConfigError,
                 "[fit] calibrator and --against differ in width or vocabulary; train both from one base");
}

/// The models of a fit, and where the calibrator's embeddings come from.
struct Parts {
  std::shared_ptr<const Model> calibrator, against, base;
  Store store = Store::Folder;
};

/// Finds whose embeddings the calibrator has: the target's or, where one is named, its base's.
void find_store(const Model& target, const FusionFit& fit, InferenceOptions load, Parts& parts) {
  const Model& calibrator = *parts.calibrator;
  const bool embeddable = !calibrator.config().from_gguf && !calibrator.config().raw.is_null();
  if (fit.store != CalibratorStore::Link && embeddable) {
    const auto fits = [&](const Model& model) {
      return same_vocabulary(model, calibrator) && same_tables(model, calibrator) &&
             (!parts.against || same_tables(model, *parts.against));
    };
    if (fits(target)) {
      parts.store = Store::Target;
    } else if (fit.base) {
      load.layers = 1;
      parts.base = open_model(*fit.base, load);
      LIMPID_CHECK(fits(*parts.base), ConfigError, "[fit] ", fit.base->string(),
                   " has not the calibrator's embeddings; name the model it was trained from");
      parts.store = Store::Base;
    }
  }
  LIMPID_CHECK(fit.store != CalibratorStore::Embed || parts.store != Store::Folder, ConfigError,
               "[fit] the calibrator's embeddings are not the target's: "
               "give the model they come from with --base, or let the file name the folder with --store link");
}

Parts open_parts(const Model& target, const FusionFit& fit) {
  InferenceOptions load;
  load.precision = target.precision();
  load.eight_bit = true;  // as it will run
  Parts parts;
  parts.calibrator = open_model(fit.calibrator, load);
  if (fit.against) parts.against = open_model(*fit.against, load);
  check_fits(target, *parts.calibrator, parts.against.get(), fit);
  find_store(target, fit, load, parts);
  return parts;
}

/// Lists the read-outs that the file has what they need for.
Json possible_readouts(const Model& target, const Parts& parts, bool has_map) {
  const bool states_fit = has_map || parts.calibrator->config().hidden_size == target.config().hidden_size;
  Json readouts = Json::array();
  if (states_fit)
    for (Readout readout : {Readout::Norm, Readout::LayerNorm, Readout::Scale, Readout::Convex})
      readouts.push_back(name(readout));
  if (states_fit && parts.against) readouts.push_back(name(Readout::Contrast));
  if (same_vocabulary(target, *parts.calibrator)) readouts.push_back(name(Readout::Probability));
  return readouts;
}

/// Puts the calibrator, and what it is held against, into the file or names them in it.
void add_models(const Model& target, const FusionFit& fit, const Parts& parts, DetoxifierInfo& info,
                OutgoingTensors& out) {
  if (parts.store == Store::Folder) {
    info.needs.push_back(linked_model("calibrator", fit.calibrator, fit.output));
    if (parts.against) info.needs.push_back(linked_model("toxic", *fit.against, fit.output));
    return;
  }
  info.settings["calibrator"]["config"] = parts.calibrator->config().raw;
  add_blocks(kCalibratorPrefix, *parts.calibrator, out);
  if (parts.against) {
    info.settings["toxic"]["config"] = parts.against->config().raw;
    add_blocks(kToxicTensors, *parts.against, out);
  }
  out.add(kSampleTensor, embedding_sample(parts.base ? *parts.base : target), DType::F16);
  if (!parts.base) return;
  const fs::path base = fit.base_name.empty() ? *fit.base : fs::path(fit.base_name);
  info.needs.push_back(linked_model("base", base, fit.output));
}

}  // namespace

Json fit_fusion(const Model& target, const FusionFit& fit, Watch& watch) {
  const torch::NoGradGuard no_grad;
  const Parts parts = open_parts(target, fit);
  Json report;
  const Tensor map = make_map(target, *parts.calibrator, fit, report, watch);

  DetoxifierInfo info = new_detoxifier(FusionMethod::info, target, fit.strength, fit.provenance);
  const auto stored = [&](const Model& model) {
    return Json{{"store", name(parts.store)}, {"layers", model.config().num_layers}};
  };
  info.settings = {{"readout", name(fit.chosen_readout())},
                   {"readouts", possible_readouts(target, parts, map.defined())},
                   {"align", report},
                   {"calibrator", stored(*parts.calibrator)}};
  if (parts.against) info.settings["toxic"] = stored(*parts.against);
  info.default_strength = double(fit.strength.value_or(default_strength(fit.chosen_readout(), map.defined())));
  const StrengthLimits limits{concat("fusion/", name(fit.chosen_readout())), strength_range(fit.chosen_readout())};
  limits.check(float(info.default_strength), "[fit] ");
  info.strength_meaning = strength_meaning(fit.chosen_readout());
  info.provenance["seed"] = fit.seed;
  info.provenance["calibrator_sha256"] = weights_sha256(fit.calibrator);
  if (parts.against) info.provenance["against_sha256"] = weights_sha256(*fit.against);

  OutgoingTensors out;
  if (map.defined()) out.add(kMapTensor, map, DType::F32);
  add_models(target, fit, parts, info, out);
  write_detoxifier(fit.output, info, out.views());
  return info.settings;
}

}  // namespace limpid::fusion
