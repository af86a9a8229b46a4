#include "limpid/methods/export.h"

#include "limpid/checkpoints/tensor_names.h"
#include "limpid/core/watch.h"
#include "limpid/methods/adapter.h"
#include "limpid/methods/control_vector.h"
#include "limpid/methods/destein/method.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/model_surgery/method.h"
#include "limpid/methods/other_methods.h"
#include "limpid/methods/profs/method.h"
#include "limpid/models/save.h"

namespace limpid {
namespace {

/// A detoxifier that can be exported: a constant offset, changed weights, or an adapter, whose changes only a model can
/// tell.
struct Exportable {
  std::string method;
  double default_strength = 1.0;
  std::shared_ptr<const DetoxifierFile> file;  // null for an adapter
  std::optional<SteeringParts> steering;
  std::vector<WeightDeltas> deltas;
  std::shared_ptr<const PeftAdapter> adapter;

  ExportForm form() const {
    return steering && steering->tap == Tap::Layer ? ExportForm::ControlVector : ExportForm::Folder;
  }
};

void check_constant(const SteeringParts& parts, const std::string& where) {
  LIMPID_CHECK(parts.rule == SteeringRule::Constant, ConfigError, where, "rule ", name(parts.rule),
               " depends on the activations, so no bias can stand for it; "
               "rule constant can be exported: FILE?rule=constant");
  LIMPID_CHECK(!parts.thresholds.defined(), ConfigError, where,
               "a gate depends on the activations, so no bias can stand for it; leave it out");
}

Exportable open_exportable(const DetoxSpec& spec) {
  const std::string where = concat("[export] ", spec.file, ": ");
  LIMPID_CHECK(!ControlVectorMethod::recognises(spec), ConfigError, where, "is a control vector already");
  LIMPID_CHECK(!spec.is_control(), ConfigError, where, "is a control of sampling, not a change of a model");
  Exportable found;
  if (AdapterMethod::recognises(spec)) {
    found.adapter = PeftAdapter::open(MethodOptions(AdapterMethod::info, spec).file());
    found.method = "lora";
    found.default_strength = double(*AdapterMethod::info.strength.usual);
    return found;
  }
  found.file = DetoxifierFile::open(spec.file);
  const std::string& method = found.method = found.file->info().method;
  found.default_strength = found.file->info().default_strength;
  if (method == DesteinMethod::info.name) {
    found.steering = steering_parts(*found.file, MethodOptions(DesteinMethod::info, spec));
    check_constant(*found.steering, where);
  } else if (method == ProfsMethod::info.name) {
    found.deltas = {profs_deltas(*found.file, MethodOptions(ProfsMethod::info, spec))};
  } else if (method == ModelSurgeryMethod::info.name) {
    found.deltas = {surgery_deltas(*found.file, MethodOptions(ModelSurgeryMethod::info, spec))};
  } else {
    throw ConfigError(concat(where, "method ", method,
                             " acts at every step of decoding and cannot be exported; destein with rule constant, "
                             "profs, model-surgery and adapters can"));
  }
  return found;
}

/// @param offsets  [L, width of the tap], strength included
ModelChanges bias_changes(const Model& model, Tap tap, const Tensor& offsets) {
  const ModelConfig& config = model.config();
  const Family& family = family_of(config);
  LIMPID_CHECK(family.output_bias != OutputBias::Never, ConfigError, "[export] the family ", family.name,
               " has no bias where the offset could be kept");
  const bool by_config = family.output_bias == OutputBias::ByConfig;  // all of the attention's layers or none
  ModelChanges changes;
  if (by_config) changes.config["attention_bias"] = true;
  const auto existing = [&](Projection projection, int64_t layer) {
    const auto bias = model.parameters().find(module_name(family, projection, layer) + ".bias");
    return bias == model.parameters().end() ? torch::zeros({shape_of(config, projection).out}) : bias->second.detach();
  };
  using enum Projection;
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    const std::string output = module_name(family, AttentionOutput, layer);
    Tensor bias = offsets[layer].to(torch::kFloat64);
    if (tap == Tap::Heads) bias = model.parameters().at(output + ".weight").detach().to(torch::kFloat64).mv(bias);
    changes.tensors[output + ".bias"] = (existing(AttentionOutput, layer) + bias).to(torch::kFloat32);
    for (Projection projection : {Query, Key, Value, QueryKeyValue})
      if (by_config && family.find(projection))
        changes.tensors[module_name(family, projection, layer) + ".bias"] = existing(projection, layer);
  }
  return changes;
}

ModelChanges weight_changes(const Model& model, const std::vector<WeightDeltas>& all, double strength) {
  const WeightChange fits(model, all);  // refuses what does not
  ModelChanges changes;
  for (const WeightDeltas& deltas : all) {
    for (size_t layer = 0; layer < deltas.layers.size(); ++layer) {
      if (deltas.layers[layer].empty()) continue;
      const Tensor& weight = model.projection(deltas.projection, int64_t(layer)).weight();
      for (const auto& [name, parameter] : model.parameters())
        if (parameter.is_same(weight))
          changes.tensors[name] = changed_weight(weight, deltas.layers[layer], deltas.reads, strength);
    }
  }
  return changes;
}

void write_control_vector(const Model& model, const Tensor& offsets, const fs::path& output, Watch& watch) {
  if (offsets[0].count_nonzero().item<int64_t>() > 0)
    watch.warning(
        concat(output.string(), ": block 0 cannot be steered by a control vector; its direction is left out"));
  ControlVector vector{{}, model.config().architecture};
  for (int64_t block = 1; block < offsets.size(0); ++block) vector.directions[block] = offsets[block];
  LIMPID_CHECK(!vector.directions.empty(), ConfigError,
               "[export] a model of one block has nothing that a control vector could steer");
  vector.write(output);
}

}  // namespace

ExportForm export_form(const DetoxSpec& spec) { return open_exportable(spec).form(); }

void export_detoxifier(const Model& model, const DetoxSpec& spec, const fs::path& output, Watch& watch) {
  Exportable what = open_exportable(spec);
  if (what.file) what.file->check_target(model);
  if (what.adapter) what.deltas = adapter_deltas(*what.adapter, model);
  const double strength = spec.strength ? double(*spec.strength) : what.default_strength;
  LIMPID_CHECK(strength != 0.0, ConfigError, "[export] ", spec.file, ": strength 0 is the model as it was");
  std::error_code ignored;
  LIMPID_CHECK(!fs::equivalent(output, model.path(), ignored), ConfigError, "[export] ", output.string(),
               ": is the model itself, which would be overwritten");
  Tensor offsets;
  if (what.steering) {
    offsets = SteeringSession(model, *what.steering).constant_offsets() * strength;
    if (what.steering->positions != Positions::All)
      watch.warning(concat(spec.file, ": steers ",
                           what.steering->positions == Positions::Last ? "the prompt's last and generated positions"
                                                                       : "generated positions",
                           " only; what is exported steers every position, as ?positions=all does"));
  }
  if (what.form() == ExportForm::ControlVector) return write_control_vector(model, offsets, output, watch);

  const Json about = {{"format", 1},
                      {"kind", "detoxified model"},
                      {"detoxifier",
                       {{"file", fs::path(spec.file).filename().string()},
                        {"sha256", weights_sha256(spec.file)},
                        {"method", what.method},
                        {"strength", strength},
                        {"options", spec.options}}}};
  save_hf_folder(
      model, output, {{"limpid", to_text(about)}},
      what.steering ? bias_changes(model, what.steering->tap, offsets) : weight_changes(model, what.deltas, strength),
      watch);
}

}  // namespace limpid
