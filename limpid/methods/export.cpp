#include "limpid/methods/export.h"

#include "limpid/checkpoints/tensor_names.h"
#include "limpid/core/staged_folder.h"
#include "limpid/core/watch.h"
#include "limpid/methods/adapter.h"
#include "limpid/methods/control_vector.h"
#include "limpid/methods/destein/method.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/model_surgery/method.h"
#include "limpid/methods/other_methods.h"
#include "limpid/methods/profs/method.h"
#include "limpid/methods/resolve_detoxifier.h"
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

void check_constant(const SteeringParts& parts, const std::string& place) {
  LIMPID_CHECK(parts.rule == SteeringRule::Constant, ConfigError, place, "rule ", name(parts.rule),
               " depends on the activations, so no bias can stand for it; "
               "rule constant can be exported: FILE?rule=constant");
  LIMPID_CHECK(!parts.thresholds.defined(), ConfigError, place,
               "a gate depends on the activations, so no bias can stand for it; leave it out");
}

Exportable open_exportable(const DetoxSpec& spec) {
  const std::string place = concat("[export] ", spec.file, ": ");
  LIMPID_CHECK(!ControlVectorMethod::recognises(spec), ConfigError, place, "is a control vector already");
  LIMPID_CHECK(!spec.is_control(), ConfigError, place, "is a control of sampling, not a change of a model");
  Exportable result;
  if (AdapterMethod::recognises(spec)) {
    result.adapter = PeftAdapter::open(MethodOptions(AdapterMethod::info, spec).file());
    result.method = "lora";
    result.default_strength = double(*AdapterMethod::info.strength.usual);
    return result;
  }
  result.file = DetoxifierFile::open(resolve_detoxifier(spec.file));
  const std::string& method = result.method = result.file->info().method;
  result.default_strength = result.file->info().default_strength;
  if (method == destein::DesteinMethod::info.name) {
    result.steering = destein::steering_parts(*result.file, MethodOptions(destein::DesteinMethod::info, spec));
    check_constant(*result.steering, place);
  } else if (method == profs::ProfsMethod::info.name) {
    result.deltas = {profs::profs_deltas(*result.file, MethodOptions(profs::ProfsMethod::info, spec))};
  } else if (method == model_surgery::ModelSurgeryMethod::info.name) {
    result.deltas = {
        model_surgery::surgery_deltas(*result.file, MethodOptions(model_surgery::ModelSurgeryMethod::info, spec))};
  } else {
    throw ConfigError(concat(place, "method ", method,
                             " acts at every step of decoding and cannot be exported; destein with rule constant, "
                             "profs, model-surgery and adapters can"));
  }
  return result;
}

}  // namespace

bool has_room_for_offsets(const ModelConfig& config) {
  const OutputBias bias = family_of(config).output_bias;
  return bias == OutputBias::Always || bias == OutputBias::ByConfig ||
         (bias == OutputBias::WithAll && config.attention_bias);
}

namespace {

/// Returns the biases of the attention outputs that add constant offsets.
/// @param offsets  [L, width of the tap], strength included
ModelChanges bias_changes(const Model& model, Tap tap, const Tensor& offsets) {
  const ModelConfig& config = model.config();
  const Family& family = family_of(config);
  LIMPID_CHECK(has_room_for_offsets(config), ConfigError, "[export] ", model.path().string(),
               ": a model of the family ", family.name, " has no bias where the offset could be kept",
               family.output_bias == OutputBias::WithAll ? " unless all its layers have one" : "");
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

ModelChanges weight_changes(const Model& model, const std::vector<WeightDeltas>& deltas, double strength) {
  const WeightChange fits(model, deltas);  // refuses what does not
  ModelChanges changes;
  for (const WeightDeltas& kind : deltas) {
    for (size_t layer = 0; layer < kind.layers.size(); ++layer) {
      if (kind.layers[layer].empty()) continue;
      const Tensor& weight = model.projection(kind.projection, int64_t(layer)).weight();
      for (const auto& [name, parameter] : model.parameters())
        if (parameter.is_same(weight))
          changes.tensors[name] = changed_weight(weight, kind.layers[layer], kind.reads, strength);
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
  Exportable exportable = open_exportable(spec);
  if (exportable.file) exportable.file->check_target(model);
  if (exportable.adapter) exportable.deltas = adapter_deltas(*exportable.adapter, model);
  const double strength = spec.strength ? double(*spec.strength) : exportable.default_strength;
  LIMPID_CHECK(strength != 0.0, ConfigError, "[export] ", spec.file, ": strength 0 is the model as it was");
  std::error_code ignored;
  LIMPID_CHECK(!fs::equivalent(output, model.path(), ignored), ConfigError, "[export] ", output.string(),
               ": is the model itself, which would be overwritten");
  Tensor offsets;
  if (exportable.steering) {
    offsets = SteeringSession(model, *exportable.steering).constant_offsets() * strength;
    if (exportable.steering->positions != Positions::All)
      watch.warning(concat(spec.file, ": steers ",
                           exportable.steering->positions == Positions::Last
                               ? "the prompt's last and generated positions"
                               : "generated positions",
                           " only; what is exported steers every position, as ?positions=all does"));
  }
  if (exportable.form() == ExportForm::ControlVector) return write_control_vector(model, offsets, output, watch);

  const Json about = {{"format", 1},
                      {"kind", "detoxified model"},
                      {"detoxifier",
                       {{"file", fs::path(spec.file).filename().string()},
                        {"sha256", weights_sha256(spec.file)},
                        {"method", exportable.method},
                        {"strength", strength},
                        {"options", spec.options}}}};
  StagedFolder folder(output, "config.json");
  save_hf_folder(model, folder.path(), {{"limpid", to_text(about)}},
                 exportable.steering ? bias_changes(model, exportable.steering->tap, offsets)
                                     : weight_changes(model, exportable.deltas, strength),
                 watch);
  folder.commit();
}

}  // namespace limpid
