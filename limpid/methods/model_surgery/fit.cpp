#include "limpid/methods/model_surgery/fit.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/model_surgery/method.h"
#include "limpid/metrics/logistic.h"

namespace limpid::model_surgery {
namespace {

constexpr double kShareOfRows = 16384.0 / (32.0 * 11008.0);
constexpr size_t kHeldOut = 5;  // text i is held out where i mod 5 is 0

struct Rows {
  std::vector<float> values;
  std::vector<int> labels;
};

/// Returns the states and labels of the texts that are wanted.
template <class Wanted>
Rows rows_of(const Tensor& states, const std::vector<int>& labels, Wanted wanted) {
  const size_t D = size_t(states.size(1));
  Rows rows;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (!wanted(i)) continue;
    const float* from = states.const_data_ptr<float>() + i * D;
    rows.values.insert(rows.values.end(), from, from + D);
    rows.labels.push_back(labels[i]);
  }
  return rows;
}

/// Returns the share of held-out texts that a regression on the others tells right; nothing where a part has one class
/// only.
std::optional<double> held_out_accuracy(const Tensor& states, const std::vector<int>& labels, double C) {
  const Rows train = rows_of(states, labels, [](size_t i) { return i % kHeldOut != 0; });
  const Rows test = rows_of(states, labels, [](size_t i) { return i % kHeldOut == 0; });
  if (std::set<int>(train.labels.begin(), train.labels.end()).size() < 2 || test.labels.empty()) return std::nullopt;
  const size_t D = size_t(states.size(1));
  const LogisticModel model = fit_logistic(train.values, D, train.labels, {.C = C});
  size_t right = 0;
  for (size_t i = 0; i < test.labels.size(); ++i)
    right += (model.margin(std::span(test.values).subspan(i * D, D)) > 0.0) == (test.labels[i] == 1);
  return double(right) / double(test.labels.size());
}

Tensor row_tensor(const std::vector<GateRow>& rows) {
  Tensor tensor = torch::empty({int64_t(rows.size()), 2}, torch::kInt64);
  int64_t* to = tensor.mutable_data_ptr<int64_t>();
  for (const GateRow& gate_row : rows) {
    *to++ = gate_row.layer;
    *to++ = gate_row.row;
  }
  return tensor;
}

}  // namespace

Json fit_model_surgery(const Model& target, const SurgeryFit& fit, Watch& watch) {
  LIMPID_CHECK(target.tokenizer(), ConfigError, "[fit] ", target.path().string(),
               ": has no tokenizer; texts cannot be encoded");
  LIMPID_CHECK(fit.texts.size() == fit.labels.size(), ShapeError, "[fit] ", fit.texts.size(), " texts with ",
               fit.labels.size(), " labels");
  std::vector<PooledText> texts;
  for (const std::string& text : fit.texts)
    texts.push_back(PooledText::whole(target.tokenizer()->encode(text, /*add_special=*/true), fit.max_tokens));
  const Tensor states = mean_final_states(target, texts, "labelled texts", watch);
  const Rows data = rows_of(states, fit.labels, [](size_t) { return true; });
  const int64_t D = states.size(1), L = target.config().num_layers, F = target.projection(Projection::MlpGate, 0).out();
  const LogisticModel head = fit_logistic(data.values, size_t(D), data.labels, {.C = fit.C});
  if (!head.converged)
    watch.warning(concat("the regression stopped after ", head.iterations, " steps, before it had converged"));
  std::vector<float> v(head.weights.begin(), head.weights.end());

  const int64_t count = fit.rows > 0 ? fit.rows : std::max<int64_t>(1, std::llround(kShareOfRows * double(L * F)));
  const GateReader read = gate_reader(target);
  const std::vector<GateRow> chosen = rank_gate_rows(L, F, read, v, count);
  const double length = mean_length(chosen, read, D);
  double square = 0.0;
  for (double weight : head.weights) square += weight * weight;
  for (size_t i = 0; i < v.size(); ++i) v[i] = float(head.weights[i] * length / std::sqrt(square));

  const int64_t toxic = std::count(fit.labels.begin(), fit.labels.end(), 1);
  const auto accuracy = held_out_accuracy(states, fit.labels, fit.C);
  const std::string gate = family_of(target.config()).find(Projection::MlpGate)->name;
  DetoxifierInfo info = new_detoxifier(ModelSurgeryMethod::info, target, fit.strength, fit.provenance);
  info.settings = {
      {"rows", count},
      {"of_rows", L * F},
      {"matrix", gate.substr(gate.rfind('.') + 1)},
      {"row_length", length},
      {"best_score", chosen.front().score},
      {"worst_score", chosen.back().score},
      {"texts", {{"toxic", toxic}, {"safe", int64_t(fit.labels.size()) - toxic}, {"max_tokens", fit.max_tokens}}},
      {"probe", {{"C", fit.C}, {"held_out_accuracy", accuracy ? Json(*accuracy) : Json()}}}};
  info.provenance["seed"] = fit.seed;
  OutgoingTensors out;
  out.add("direction", torch::tensor(v));
  out.add_integers("rows", row_tensor(chosen));
  write_detoxifier(fit.output, info, out.views());
  return info.settings;
}

}  // namespace limpid::model_surgery
