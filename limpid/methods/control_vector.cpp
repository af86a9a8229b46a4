#include "limpid/methods/control_vector.h"

#include "limpid/checkpoints/finite.h"
#include "limpid/checkpoints/gguf.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/decoding/detoxifier.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/other_methods.h"

namespace limpid {
namespace {

constexpr const char* kArchitecture = "controlvector";
constexpr const char* kPrefix = "direction.";

int64_t block_of(const std::string& name, const std::string& place) {
  const std::string digits = name.starts_with(kPrefix) ? name.substr(std::string(kPrefix).size()) : "";
  LIMPID_CHECK(!digits.empty() && digits.size() < 10 && digits.find_first_not_of("0123456789") == std::string::npos,
               FormatError, place, "tensor ", quote(name), ", expected direction.N");
  const int64_t block = std::stoll(digits);
  LIMPID_CHECK(block >= 1, FormatError, place, "tensor \"", name,
               "\": block 0 cannot be steered, directions begin at direction.1");
  return block;
}

/// Returns the parts of a session on this model.
SteeringParts steering_parts(const ControlVector& vector, const Model& target, Positions positions,
                             const std::string& place) {
  const int64_t L = target.config().num_layers, D = target.config().hidden_size;
  const auto& [last, direction] = *vector.directions.rbegin();
  LIMPID_CHECK(last < L && direction.size(0) == D, MismatchError, place,
               "made for another model: it has directions of width ", direction.size(0), " up to block ", last,
               ", this model has width ", D, " and blocks 0 to ", L - 1);
  SteeringParts parts;
  parts.tap = Tap::Layer;
  parts.rule = SteeringRule::Constant;
  parts.positions = positions;
  parts.directions = torch::zeros({L, D});
  for (const auto& [block, added] : vector.directions) parts.directions[block].copy_(-added);
  parts.lengths = parts.directions.to(torch::kFloat64).norm(2, -1, true).to(torch::kFloat32);
  parts.weights = (parts.lengths > 0).to(torch::kFloat32);
  return parts;
}

}  // namespace

ControlVector ControlVector::read(const fs::path& path) {
  const std::string place = concat("[control vector] ", path.string(), ": ");
  const auto file = GgufFile::open(path);
  file->require_all();
  const std::string architecture = file->text_or("general.architecture", "");
  LIMPID_CHECK(architecture == kArchitecture, FormatError, place, "general.architecture is ", quote(architecture),
               ", expected ", kArchitecture, "; a model is given with -m");
  ControlVector result;
  result.model_hint = file->text_or("controlvector.model_hint", "");
  for (const TensorView& view : file->tensors()) {
    const int64_t block = block_of(view.name, place);
    LIMPID_CHECK(view.shape.size() == 1 && view.shape[0] > 0, FormatError, place, quote(view.name), " has ",
                 view.shape.size(), " dimensions, expected 1");
    check_finite(view, "[control vector] " + path.string());
    Tensor direction = float_tensor(view);
    LIMPID_CHECK(result.directions.empty() || result.directions.begin()->second.sizes() == direction.sizes(),
                 FormatError, place, quote(view.name), " has width ", direction.size(0), ", another direction ",
                 result.directions.begin()->second.size(0));
    LIMPID_CHECK(result.directions.emplace(block, direction).second, FormatError, place, "block ", block,
                 " has two directions");
  }
  LIMPID_CHECK(!result.directions.empty(), FormatError, place, "has no directions");
  return result;
}

void ControlVector::write(const fs::path& path) const {
  OutgoingTensors out;
  for (const auto& [block, direction] : directions) out.add(kPrefix + std::to_string(block), direction);
  check_finite_to_write(out.views(), "[control vector] " + path.string());
  write_gguf(path,
             {{"general.architecture", {std::string(kArchitecture)}},
              {"controlvector.model_hint", {model_hint}},
              {"controlvector.layer_count", {int64_t(directions.size())}}},
             out.views());
}

bool ControlVectorMethod::recognises(const DetoxSpec& spec) { return spec.file.ends_with(".gguf"); }

std::shared_ptr<Detoxifier> ControlVectorMethod::load(const MethodOptions& options) {
  const ControlVector vector = ControlVector::read(options.file());
  const Positions positions = options.choice<Positions>("positions").value_or(Positions::All);
  return std::make_shared<Detoxifier>(
      info.name, *info.strength.usual, info.strength.range, [=, place = options.place()](const Model& target) {
        return std::make_unique<SteeringSession>(target, steering_parts(vector, target, positions, place));
      });
}

}  // namespace limpid
