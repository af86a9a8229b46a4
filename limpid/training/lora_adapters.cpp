#include "limpid/training/lora_adapters.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "limpid/checkpoints/tensor_names.h"
#include "limpid/core/names.h"
#include "limpid/training/named_stream.h"

namespace limpid {
namespace {

constexpr std::string_view kEnding = ".weight";

StoredTensor stored_in_files(const ModelConfig& model, const std::string& layer) {
  return stored_tensor(model, concat(layer, kEnding), FileKind::HuggingFace);
}

std::string last_part(const std::string& name) { return name.substr(name.rfind('.') + 1); }

TensorView view_of(const torch::Tensor& tensor) {
  return {"",
          DType::F32,
          tensor.sizes().vec(),
          {reinterpret_cast<const std::byte*>(tensor.const_data_ptr<float>()), size_t(tensor.nbytes())}};
}

}  // namespace

torch::Tensor dropped_out(const torch::Tensor& x, double p, uint64_t seed, uint64_t layer, int64_t step, int64_t pass) {
  torch::Tensor mask = torch::empty(x.sizes(), torch::kFloat32);
  float* data = mask.data_ptr<float>();
  const int64_t count = mask.numel();
  const float kept = float(1.0 / (1.0 - p));
  const auto limit = uint64_t(p * 0x1p32);
  at::parallel_for(0, (count + 3) / 4, 1 << 12, [=](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const auto words = philox4x32({uint32_t(block), uint32_t(step), uint32_t(pass), uint32_t(layer)},
                                    {uint32_t(seed), uint32_t(seed >> 32) ^ uint32_t(layer >> 32)});
      for (int64_t i = 4 * block; i < std::min(count, 4 * block + 4); ++i)
        data[i] = words[size_t(i % 4)] < limit ? 0.0f : kept;
    }
  });
  return x * mask.to(x.scalar_type());
}

LoraAdapters::LoraAdapters(PeftConfig config, uint64_t seed) : config_(std::move(config)), seed_(seed) {
  LIMPID_CHECK(config_.rank >= 1, ConfigError, "[lora] rank ", config_.rank, ", expected at least 1");
  LIMPID_CHECK(std::isfinite(config_.alpha) && config_.alpha != 0, ConfigError, "[lora] alpha ", config_.alpha,
               ", expected a number other than 0");
  LIMPID_CHECK(config_.dropout >= 0 && config_.dropout < 1, ConfigError, "[lora] dropout ", config_.dropout,
               ", expected 0 to below 1");
  if (config_.target_modules == std::vector<std::string>{"all-linear"}) config_.target_modules.clear();
}

bool LoraAdapters::is_target(const std::string& name) const {
  if (!config_.target_modules.empty())
    return std::count(config_.target_modules.begin(), config_.target_modules.end(), last_part(name)) > 0;
  return name.find('.') != std::string::npos;  // all but the output matrix stand in a block
}

std::shared_ptr<const nn::LowRank> LoraAdapters::make(const std::string& name, int64_t out, int64_t in) {
  endings_.insert(last_part(name));
  if (!is_target(name)) return nullptr;
  torch::Tensor a = torch::empty({config_.rank, in}, torch::kFloat32),
                b = torch::zeros({out, config_.rank}, torch::kFloat32);
  RandomStream random = named_stream(seed_, name + ".lora_A");
  const float bound = float(1.0 / std::sqrt(double(in)));
  float* data = a.data_ptr<float>();
  for (int64_t i = 0; i < a.numel(); ++i) data[i] = bound * (2.0f * random.next_uniform() - 1.0f);
  parameters_[name + ".lora_A"] = a.set_requires_grad(true);
  parameters_[name + ".lora_B"] = b.set_requires_grad(true);
  layers_.insert(name);
  const auto drop = [p = config_.dropout, seed = seed_, layer = name_hash(name), pass = pass_](const torch::Tensor& x) {
    return pass->number < 0 ? x : dropped_out(x, p, seed, layer, pass->step, pass->number);
  };
  return std::make_shared<const nn::LowRank>(
      nn::LowRank{a, b, config_.scale(config_.rank),
                  config_.dropout > 0 ? drop : std::function<torch::Tensor(const torch::Tensor&)>()});
}

void LoraAdapters::check_targets() const {
  const std::string known = join(endings_);
  for (const std::string& target : config_.target_modules)
    LIMPID_CHECK(endings_.contains(target), ConfigError, "[lora] no layer is called \"", target, "\"; there are ",
                 known, ", or all-linear");
}

void LoraAdapters::check_storage(const ModelConfig& model) const {
  for (const std::string& layer : layers_) {
    const StoredTensor stored = stored_in_files(model, layer);
    LIMPID_CHECK(stored.row.empty() || int64_t(stored.row.size()) == stored.rows, ConfigError, "[lora] ", layer,
                 " is a part of ", stored.name, " in files, which has one adapter for all its parts; leave ",
                 last_part(layer), " out of --target-modules");
  }
}

void LoraAdapters::write(const fs::path& folder, const ModelConfig& model,
                         const std::map<std::string, std::string>& metadata) const {
  PeftConfig config = config_;
  std::set<std::string> targets;
  std::vector<PeftModule> modules;
  std::deque<torch::Tensor> ups;  // what the modules look at
  for (const std::string& layer : layers_) {
    const StoredTensor stored = stored_in_files(model, layer);
    torch::Tensor& up = ups.emplace_back(parameters_.at(layer + ".lora_B").detach());
    if (!stored.row.empty()) up = torch::empty_like(up).index_copy_(0, torch::tensor(stored.row), up);
    config.fan_in_fan_out = config.fan_in_fan_out || stored.transposed;
    targets.insert(last_part(layer));
    modules.push_back({stored.name.substr(0, stored.name.size() - kEnding.size()),
                       view_of(parameters_.at(layer + ".lora_A")), view_of(up)});
  }
  config.target_modules.assign(targets.begin(), targets.end());
  write_peft(folder, config, modules, metadata);
}

std::map<std::string, torch::Tensor> LoraAdapters::changes() const {
  torch::NoGradGuard no_grad;
  std::map<std::string, torch::Tensor> result;
  for (const std::string& layer : layers_)
    result[layer + ".weight"] =
        parameters_.at(layer + ".lora_B").mm(parameters_.at(layer + ".lora_A")).mul(config_.scale(config_.rank));
  return result;
}

}  // namespace limpid
