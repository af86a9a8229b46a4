#include "limpid/methods/destein/method.h"
#include "limpid/methods/destein/probes.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/steering.h"

namespace limpid::destein {
namespace {

/// Reads the rule, where it acts, and on which layers, from the settings of the file.
SteeringParts read_steering_settings(const Json& settings, const std::string& place) {
  const std::string settings_place = place + "settings";
  SteeringParts parts;
  parts.tap = named<Tap>(require<std::string>(settings, "tap", settings_place), place + "tap");
  parts.rule = named<SteeringRule>(require<std::string>(settings, "rule", settings_place), place + "rule");
  parts.positions = named<Positions>(require<std::string>(settings, "positions", settings_place), place + "positions");
  if (const auto layers = settings.find("layers"); layers != settings.end()) {
    LIMPID_CHECK(layers->is_array() && layers->size() == 2 && (*layers)[0].is_number_integer() &&
                     (*layers)[1].is_number_integer(),
                 FormatError, settings_place, ": \"layers\" is not [first, last]");
    parts.first_layer = (*layers)[0];
    parts.last_layer = (*layers)[1];
  }
  return parts;
}

}  // namespace

SteeringParts steering_parts(const DetoxifierFile& file, const MethodOptions& options) {
  using Gate = DesteinMethod::Gate;
  using HeadWeights = DesteinMethod::HeadWeights;
  const Json& settings = file.info().settings;
  SteeringParts parts = read_steering_settings(settings, options.place());
  const int64_t L = file.info().target.layers, H = require<int64_t>(settings, "heads", options.place() + "settings");
  parts.directions = float_tensor(file, "directions", {L, -1});
  parts.weights = head_weights(float_tensor(file, "accuracy", {L, H}));
  parts.lengths = float_tensor(file, "lengths", {L, H});
  const Tensor projections = float_tensor(file, "projections", {2, L, H});  // of neutral texts, of toxic ones

  parts.rule = options.choice<SteeringRule>("rule").value_or(parts.rule);
  parts.positions = options.choice<Positions>("positions").value_or(parts.positions);
  if (const auto layers = options.layers("layers")) std::tie(parts.first_layer, parts.last_layer) = *layers;
  if (options.choice<HeadWeights>("weights") == HeadWeights::Uniform) parts.weights = torch::ones_like(parts.weights);
  const auto gate = options.choice<Gate>("gate");
  if (gate == Gate::Middle) parts.thresholds = projections.mean(0);
  if (gate == Gate::Neutral) parts.thresholds = projections[0].clone();
  return parts;
}

std::shared_ptr<Detoxifier> DesteinMethod::load(std::shared_ptr<const DetoxifierFile> file,
                                                const MethodOptions& options) {
  const SteeringParts parts = steering_parts(*file, options);
  return file_detoxifier(std::move(file), info, name(parts.rule),
                         [parts](const Model& target) { return std::make_unique<SteeringSession>(target, parts); });
}

}  // namespace limpid::destein
