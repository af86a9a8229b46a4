#include "limpid/methods/control_vector.h"

#include "limpid/checkpoints/gguf.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/file_tensors.h"

namespace limpid {
namespace {

constexpr const char* kArchitecture = "controlvector";
constexpr const char* kPrefix = "direction.";

int64_t block_of(const std::string& name, const std::string& where) {
  const std::string digits = name.starts_with(kPrefix) ? name.substr(std::string(kPrefix).size()) : "";
  LIMPID_CHECK(!digits.empty() && digits.size() < 10 && digits.find_first_not_of("0123456789") == std::string::npos,
               FormatError, where, "tensor \"", name, "\", expected direction.N");
  const int64_t block = std::stoll(digits);
  LIMPID_CHECK(block >= 1, FormatError, where, "tensor \"", name,
               "\": block 0 cannot be steered, directions begin at direction.1");
  return block;
}

class ControlVectorDetoxifier final : public Detoxifier {
 public:
  ControlVectorDetoxifier(std::string file, ControlVector vector, Positions positions)
      : file_(std::move(file)),
        vector_(std::move(vector)),
        positions_(positions) {}

  std::unique_ptr<Session> open(const Model& target) const override {
    const int64_t L = target.config().num_layers, D = target.config().hidden_size;
    const auto& [last, direction] = *vector_.directions.rbegin();
    LIMPID_CHECK(last < L && direction.size(0) == D, MismatchError, "[control vector] ", file_,
                 ": made for another model: it has directions of width ", direction.size(0), " up to block ", last,
                 ", this model has width ", D, " and blocks 0 to ", L - 1);
    SteeringParts parts;
    parts.tap = Tap::Layer;
    parts.rule = SteeringRule::Constant;
    parts.positions = positions_;
    parts.directions = torch::zeros({L, D});
    for (const auto& [block, vector] : vector_.directions) parts.directions[block].copy_(-vector);
    parts.lengths = parts.directions.to(torch::kFloat64).norm(2, -1, true).to(torch::kFloat32);
    parts.weights = (parts.lengths > 0).to(torch::kFloat32);
    return std::make_unique<SteeringSession>(target, std::move(parts));
  }
  float default_strength() const override { return 1.0f; }
  std::string name() const override { return "control-vector"; }

 private:
  std::string file_;
  ControlVector vector_;
  Positions positions_;
};

}  // namespace

bool is_control_vector(const DetoxSpec& spec) { return spec.file.ends_with(".gguf"); }

ControlVector ControlVector::read(const fs::path& path) {
  const std::string where = concat("[control vector] ", path.string(), ": ");
  const auto file = GgufFile::open(path);
  const std::string architecture = file->text_or("general.architecture", "");
  LIMPID_CHECK(architecture == kArchitecture, FormatError, where, "general.architecture is \"", architecture,
               "\", expected ", kArchitecture, "; a model is given with -m");
  ControlVector result;
  result.model_hint = file->text_or("controlvector.model_hint", "");
  for (const TensorView& view : file->tensors()) {
    const int64_t block = block_of(view.name, where);
    LIMPID_CHECK(view.shape.size() == 1 && view.shape[0] > 0, FormatError, where, "\"", view.name, "\" has ",
                 view.shape.size(), " dimensions, expected 1");
    Tensor direction = float_tensor(view);
    LIMPID_CHECK(direction.isfinite().all().item<bool>(), FormatError, where, "\"", view.name,
                 "\" holds numbers that are not finite");
    LIMPID_CHECK(result.directions.empty() || result.directions.begin()->second.sizes() == direction.sizes(),
                 FormatError, where, "\"", view.name, "\" has width ", direction.size(0), ", another direction ",
                 result.directions.begin()->second.size(0));
    LIMPID_CHECK(result.directions.emplace(block, direction).second, FormatError, where, "block ", block,
                 " has two directions");
  }
  LIMPID_CHECK(!result.directions.empty(), FormatError, where, "has no directions");
  return result;
}

void ControlVector::write(const fs::path& path) const {
  OutgoingTensors out;
  for (const auto& [block, direction] : directions) out.add(kPrefix + std::to_string(block), direction);
  write_gguf(path,
             {{"general.architecture", {std::string(kArchitecture)}},
              {"controlvector.model_hint", {model_hint}},
              {"controlvector.layer_count", {int64_t(directions.size())}}},
             out.views());
}

std::shared_ptr<Detoxifier> load_control_vector(const DetoxSpec& spec) {
  const std::string where = concat("[control vector] ", spec.file, ": ");
  Positions positions = Positions::All;
  for (const auto& [key, value] : spec.options) {
    LIMPID_CHECK(key == "positions", ConfigError, where, "option \"", key, "\" is not known; there is positions");
    positions = parse_positions(value, where);
  }
  return std::make_shared<ControlVectorDetoxifier>(spec.file, ControlVector::read(spec.file), positions);
}

}  // namespace limpid
