#include "limpid/methods/adapter.h"

#include "limpid/decoding/detoxifier.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/other_methods.h"

namespace limpid {
namespace {

/// Which linear layer of which block.
struct Place {
  int64_t layer = -1;
  std::optional<Projection> projection;
};

/// Of a module's name in the base's checkpoint: "model.layers.3.self_attn.q_proj", "transformer.h.3.attn.c_attn".
Place place_of(const std::string& name) {
  static const std::map<std::string, Projection> kinds = {
      {"self_attn.q_proj", Projection::Query},      {"self_attn.k_proj", Projection::Key},
      {"self_attn.v_proj", Projection::Value},      {"self_attn.o_proj", Projection::AttentionOutput},
      {"mlp.gate_proj", Projection::MlpGate},       {"mlp.up_proj", Projection::MlpUp},
      {"mlp.down_proj", Projection::MlpDown},       {"attn.c_attn", Projection::QueryKeyValue},
      {"attn.c_proj", Projection::AttentionOutput}, {"mlp.c_fc", Projection::MlpGate},
      {"mlp.c_proj", Projection::MlpDown}};
  Place place;
  for (const std::string list : {"layers.", "h."}) {
    const size_t at = name.starts_with(list) ? 0 : name.find(concat(".", list));
    if (at == std::string::npos) continue;
    const size_t digits = name.find(list, at) + list.size(), end = name.find('.', digits);
    if (end == std::string::npos || end == digits || end - digits > 6 ||
        name.find_first_not_of("0123456789", digits) != end)
      continue;
    place.layer = std::stoll(name.substr(digits, end - digits));
    if (const auto kind = kinds.find(name.substr(end + 1)); kind != kinds.end()) place.projection = kind->second;
  }
  return place;
}

}  // namespace

std::vector<WeightDeltas> adapter_deltas(const PeftAdapter& adapter, const Model& target) {
  const std::string where = concat("[adapter] ", adapter.path().string(), ": ");
  const int64_t layers = target.config().num_layers;
  std::map<Projection, WeightDeltas> kinds;
  for (const PeftModule& module : adapter.modules()) {
    const Place place = place_of(module.name);
    LIMPID_CHECK(place.projection && place.layer < layers && target.has(*place.projection), MismatchError, where,
                 "module \"", module.name, "\" is not a linear layer of the ", layers, " blocks of ",
                 target.path().string());
    const nn::Linear& linear = target.projection(*place.projection, place.layer);
    const int64_t out = linear.out(), in = inputs_of(linear);
    LIMPID_CHECK(module.a.shape[1] == in && module.b.shape[0] == out, MismatchError, where, "module \"", module.name,
                 "\" adapts a matrix [", module.b.shape[0], ", ", module.a.shape[1], "], the model's is [", out, ", ",
                 in, "]; was it trained on another model?");
    WeightDeltas& kind = kinds
                             .try_emplace(*place.projection, WeightDeltas{*place.projection, DeltaInput::Input,
                                                                          std::vector<WeightDelta>(size_t(layers))})
                             .first->second;
    WeightDelta& delta = kind.layers[size_t(place.layer)];
    LIMPID_CHECK(delta.empty(), MismatchError, where, "module \"", module.name,
                 "\" adapts a layer for the second time");
    delta.down = float_tensor(module.a);
    delta.up = (float_tensor(module.b) * adapter.config().scale(module.rank())).t().contiguous();
  }
  std::vector<WeightDeltas> all;
  for (auto& [projection, deltas] : kinds) all.push_back(std::move(deltas));
  return all;
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
  return open_reader(path, target.shared_from_this(), target.options().precision);
}

Reading open_reader(const fs::path& path, const std::shared_ptr<const Model>& target, Precision precision) {
  if (is_peft_folder(path))
    return {target,
            std::make_shared<WeightDeltaHook>(*target, adapter_deltas(*PeftAdapter::open(path), *target), 1.0f)};
  LoadOptions options;
  options.precision = precision;
  return {open_model(path, options)};
}

}  // namespace limpid
