#include "limpid/checkpoints/quantised/quantised_checkpoint.h"

#include <map>
#include <set>

#include "limpid/checkpoints/family.h"
#include "limpid/checkpoints/quantised/quantised_weight.h"
#include "limpid/checkpoints/quote.h"

namespace limpid {
namespace {

using quantised::QuantisedWeight;

struct Method {
  const char* name;  ///< "quant_method" in config.json
  quantised::Reader read;
};
constexpr Method kMethods[] = {
    {"gptq", quantised::gptq_weights},
    {"awq", quantised::awq_weights},
    {"bitsandbytes", quantised::bitsandbytes_weights},
    {"fp8", quantised::scaled_weights},
    {"fbgemm_fp8", quantised::scaled_weights},
    {"compressed-tensors", quantised::compressed_weights},
};

class QuantisedCheckpoint final : public Checkpoint {
 public:
  QuantisedCheckpoint(std::shared_ptr<const Checkpoint> stored, std::vector<QuantisedWeight> weights)
      : stored_(std::move(stored)),
        weights_(std::move(weights)) {
    std::set<std::string> parts;
    for (const QuantisedWeight& weight : weights_) parts.insert(weight.parts.begin(), weight.parts.end());
    for (const TensorView& tensor : stored_->tensors())
      if (!parts.contains(tensor.name)) add(tensor);
    for (size_t i = 0; i < weights_.size(); ++i) {
      makers_[weights_[i].weight.name] = i;
      add(weights_[i].weight);
    }
  }

  const std::vector<TensorView>& tensors() const override { return tensors_; }
  const std::vector<OtherTensor>& others() const override { return stored_->others(); }
  const TensorView* find(const std::string& name) const override {
    if (const auto place = index_.find(name); place != index_.end()) return &tensors_[place->second];
    return stored_->find(name);  // by another name, or what its error says
  }
  std::string source() const override { return stored_->source(); }

  TensorView load(const TensorView& tensor, std::vector<std::byte>& storage) const override {
    const auto maker = makers_.find(tensor.name);
    if (maker == makers_.end()) return stored_->load(tensor, storage);
    weights_[maker->second].make(storage);
    TensorView made = tensor;
    made.data = storage;
    return made;
  }

 private:
  void add(const TensorView& tensor) {
    LIMPID_CHECK(index_.emplace(tensor.name, tensors_.size()).second, FormatError, "[quantised] ", source(),
                 ": tensor ", quote(tensor.name), " is there both as it is and quantised");
    tensors_.push_back(tensor);
  }

  std::shared_ptr<const Checkpoint> stored_;
  std::vector<QuantisedWeight> weights_;
  std::vector<TensorView> tensors_;
  std::map<std::string, size_t> index_, makers_;
};

bool has_small_floats(const Checkpoint& checkpoint) {
  for (const TensorView& tensor : checkpoint.tensors())
    if (tensor.dtype == DType::F8_E4M3 || tensor.dtype == DType::F8_E5M2) return true;
  return false;
}

const Method& find_method(const std::string& name, const std::string& place) {
  std::string known;
  for (const Method& method : kMethods) {
    if (name == method.name) return method;
    known += (known.empty() ? "" : ", ") + std::string(method.name);
  }
  throw ConfigError(concat(place, ": weights quantised by ", quote(name), " are not supported; expected ", known));
}

/// Refuses layers that some families store as [in, out]: the forms have an order of their own for them.
void check_layout(const Json& config, const std::string& method, const std::string& place) {
  const std::string type = get_or<std::string>(config, "model_type", "", place);
  for (const auto& [name, family] : families())
    for (const std::string& known : family.model_types)
      for (const ProjectionFormat& format : family.projections)
        LIMPID_CHECK(known != type || !format.huggingface.transposed, ConfigError, place, ": weights of a ", name,
                     " quantised by ", quote(method), " are not supported; convert the unquantised model");
}

}  // namespace

std::shared_ptr<const Checkpoint> with_quantised_weights(std::shared_ptr<const Checkpoint> stored,
                                                         const fs::path& config) {
  std::error_code error;
  const Json file = fs::is_regular_file(config, error) ? read_json(config) : Json::object();
  const std::string place = concat("[quantised] ", config.string());
  Json settings = file.is_object() ? file.value("quantization_config", Json()) : Json();
  if (settings.is_null()) {
    if (!has_small_floats(*stored)) return stored;
    settings = {{"quant_method", "fp8"}};
  }
  LIMPID_CHECK(settings.is_object(), FormatError, place, ": \"quantization_config\" is ", json_kind(settings),
               ", expected an object");
  const std::string method = settings.contains("quant_method") || !settings.contains("load_in_4bit")
                                 ? require<std::string>(settings, "quant_method", place)
                                 : "bitsandbytes";
  auto weights = find_method(method, place).read({*stored, settings, place});
  if (weights.empty()) return stored;
  check_layout(file, method, place);
  return std::make_shared<QuantisedCheckpoint>(std::move(stored), std::move(weights));
}

}  // namespace limpid
