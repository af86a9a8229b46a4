#include "limpid/methods/adapter.h"

#include "limpid/checkpoints/tensor_names.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/file_tensors.h"

namespace limpid {
namespace {

class AdapterDetoxifier final : public Detoxifier {
 public:
  explicit AdapterDetoxifier(std::shared_ptr<const PeftAdapter> adapter) : adapter_(std::move(adapter)) {}
  std::unique_ptr<Session> open(const Model& target) const override {
    return std::make_unique<WeightDeltaSession>(target, adapter_deltas(*adapter_, target));
  }
  float default_strength() const override { return 1.0f; }
  std::string name() const override { return "adapter/lora"; }

 private:
  std::shared_ptr<const PeftAdapter> adapter_;
};

}  // namespace

std::vector<WeightDeltas> adapter_deltas(const PeftAdapter& adapter, const Model& target) {
  const std::string where = concat("[adapter] ", adapter.path().string(), ": ");
  const ModelConfig& config = target.config();
  const int64_t layers = config.num_layers;
  const Family& family = family_of(config);
  std::map<Projection, WeightDeltas> kinds;
  for (const PeftModule& module : adapter.modules()) {
    const auto places = projections_of_module(family, module.name);
    LIMPID_CHECK(!places.empty() && places[0].layer < layers, MismatchError, where, "module \"", module.name,
                 "\" is not a linear layer of the ", layers, " blocks of ", target.path().string(),
                 "; was it trained on another model?");
    const Tensor down = float_tensor(module.a);
    const Tensor up = (float_tensor(module.b) * adapter.config().scale(module.rank())).t().contiguous();
    for (const auto& [layer, projection] : places) {
      const StoredTensor stored =
          stored_tensor(config, module_name(family, projection, layer) + ".weight", FileKind::HuggingFace);
      const int64_t out = stored.rows, in = inputs_of(target.projection(projection, layer));
      LIMPID_CHECK(down.size(1) == in && up.size(1) == out, MismatchError, where, "module \"", module.name,
                   "\" adapts a matrix [", up.size(1), ", ", down.size(1), "], the model's is [", out, ", ", in,
                   "]; was it trained on another model?");
      WeightDeltas& kind = kinds[projection];
      if (kind.layers.empty()) kind = {projection, DeltaInput::Input, std::vector<WeightDelta>(size_t(layers))};
      WeightDelta& delta = kind.layers[size_t(layer)];
      LIMPID_CHECK(delta.empty(), MismatchError, where, "module \"", module.name,
                   "\" adapts a layer for the second time");
      delta.down = down;
      delta.up = stored.row.empty() ? up : up.index_select(1, torch::tensor(stored.row));
    }
  }
  std::vector<WeightDeltas> all;
  for (auto& [projection, deltas] : kinds) all.push_back(std::move(deltas));
  return all;
}

bool is_adapter(const DetoxSpec& spec) { return is_peft_folder(spec.file); }

std::shared_ptr<Detoxifier> load_adapter(const DetoxSpec& spec) {
  LIMPID_CHECK(spec.options.empty(), ConfigError, "[adapter] ", spec.file, ": option \"", spec.options.begin()->first,
               "\" is not known; there are none");
  return std::make_shared<AdapterDetoxifier>(PeftAdapter::open(spec.file));
}

Reader open_reader(const fs::path& path, const std::shared_ptr<const Model>& target, Precision precision) {
  if (is_peft_folder(path))
    return {target,
            std::make_shared<WeightDeltaHook>(*target, adapter_deltas(*PeftAdapter::open(path), *target), 1.0f)};
  LoadOptions options;
  options.precision = precision;
  return std::shared_ptr<const Model>(open_model(path, options));
}

}  // namespace limpid
