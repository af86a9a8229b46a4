#include "limpid/methods/adapter.h"

#include "limpid/checkpoints/tensor_names.h"
#include "limpid/decoding/detoxifier.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/other_methods.h"

namespace limpid {

std::vector<WeightDeltas> adapter_deltas(const PeftAdapter& adapter, const Model& target) {
  const std::string prefix = concat("[adapter] ", adapter.path().string(), ": ");
  const ModelConfig& config = target.config();
  const int64_t layers = config.num_layers;
  const Family& family = family_of(config);
  std::map<Projection, WeightDeltas> kinds;
  for (const PeftModule& module : adapter.modules()) {
    const auto places = projections_of_module(family, module.name);
    LIMPID_CHECK(!places.empty() && places[0].layer < layers, MismatchError, prefix, "module \"", module.name,
                 "\" is not a linear layer of the ", layers, " blocks of ", target.path().string(),
                 "; was it trained on another model?");
    const Tensor down = float_tensor(module.a);
    const Tensor up = (float_tensor(module.b) * adapter.config().scale(module.rank())).t().contiguous();
    for (const auto& [layer, projection] : places) {
      const StoredTensor stored =
          stored_tensor(config, module_name(family, projection, layer) + ".weight", FileKind::HuggingFace);
      const int64_t out = stored.rows, in = inputs_of(target.projection(projection, layer));
      LIMPID_CHECK(down.size(1) == in && up.size(1) == out, MismatchError, prefix, "module \"", module.name,
                   "\" adapts a matrix [", up.size(1), ", ", down.size(1), "], the model's is [", out, ", ", in,
                   "]; was it trained on another model?");
      WeightDeltas& kind = kinds[projection];
      if (kind.layers.empty()) kind = {projection, DeltaInput::Input, std::vector<WeightDelta>(size_t(layers))};
      WeightDelta& delta = kind.layers[size_t(layer)];
      LIMPID_CHECK(delta.empty(), MismatchError, prefix, "module \"", module.name,
                   "\" adapts a layer for the second time");
      delta.down = down;
      delta.up = stored.row.empty() ? up : up.index_select(1, torch::tensor(stored.row));
    }
  }
  std::vector<WeightDeltas> result;
  for (auto& [projection, deltas] : kinds) result.push_back(std::move(deltas));
  return result;
}

bool AdapterMethod::recognises(const DetoxSpec& spec) { return is_peft_folder(spec.file); }

std::shared_ptr<Detoxifier> AdapterMethod::load(const MethodOptions& options) {
  const auto adapter = PeftAdapter::open(options.file());
  return std::make_shared<Detoxifier>(
      "adapter/lora", *info.strength.usual, info.strength.range, [adapter](const Model& target) {
        return std::make_unique<WeightDeltaSession>(target, adapter_deltas(*adapter, target));
      });
}

Reading open_reader(const fs::path& path, const Model& target) {
  return open_reader(path, target.shared_from_this(), target.precision());
}

Reading open_reader(const fs::path& path, const std::shared_ptr<const Model>& target, Precision precision) {
  if (is_peft_folder(path))
    return {target,
            std::make_shared<WeightDeltaHook>(*target, adapter_deltas(*PeftAdapter::open(path), *target), 1.0f)};
  InferenceOptions options;
  options.precision = precision;
  return {open_model(path, options)};
}

}  // namespace limpid
