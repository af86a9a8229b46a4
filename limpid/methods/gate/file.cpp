#include "limpid/methods/gate/file.h"

#include <cmath>

namespace limpid::gate {
namespace {

constexpr const char *kWeights = "gate.weights", *kTokens = "gate.tokens", *kTokenRisks = "gate.token_risks";

}  // namespace

std::shared_ptr<const Gate> read_gate(const DetoxifierFile& file) {
  const Json& json = file.info().gate;
  if (json.is_null()) return nullptr;
  const std::string place = concat("[detoxifier] ", file.path().string(), ": gate");
  const auto number = [&](const char* key) { return require<double>(json, key, place); };
  GateParts parts;
  parts.name = file.path().string();
  parts.bias = number("bias");
  parts.token_weight = number("token_weight");
  parts.margin = number("margin");
  parts.rule = {number("open"), number("close"), number("full"), require<int64_t>(json, "hold", place)};
  if (file.tensors()->find(kWeights)) parts.weights = float_tensor(file, kWeights, {file.info().target.hidden_size});
  if (file.tensors()->find(kTokens)) {
    const Tensor ids = integer_tensor(file, kTokens, {-1}), risks = float_tensor(file, kTokenRisks, {ids.size(0)});
    for (int64_t i = 0; i < ids.size(0); ++i) {
      parts.tokens.ids.push_back(TokenId(ids[i].item<int64_t>()));
      parts.tokens.log_risks.push_back(std::log(double(risks[i].item<float>())));
    }
  }
  try {
    return std::make_shared<const Gate>(std::move(parts));
  } catch (const Error& error) {
    throw FormatError(concat(place, ": ", error.what()));
  }
}

void add_gate(const FittedGate& gate, DetoxifierInfo& info, OutgoingTensors& out) {
  const GateParts& parts = gate.parts;
  info.gate = {{"bias", parts.bias},        {"token_weight", parts.token_weight},
               {"margin", parts.margin},    {"open", parts.rule.open},
               {"close", parts.rule.close}, {"full", parts.rule.full},
               {"hold", parts.rule.hold},   {"fit", gate.report}};
  if (parts.weights.defined()) out.add(kWeights, parts.weights);
  if (parts.tokens.ids.empty()) return;
  const std::vector<int64_t> ids(parts.tokens.ids.begin(), parts.tokens.ids.end());
  std::vector<float> risks;
  for (double log_risk : parts.tokens.log_risks) risks.push_back(float(std::exp(log_risk)));
  out.add_integers(kTokens, torch::tensor(ids));
  out.add(kTokenRisks, torch::tensor(risks));
}

void write_gated(const fs::path& output, const FittedGate& gate, const Model& target, const DetoxifierFile* onto,
                 const Json& provenance) {
  DetoxifierInfo info;
  OutgoingTensors out;
  if (onto) {
    LIMPID_CHECK(!fs::exists(output) || !fs::equivalent(output, onto->path()), ConfigError, "[gate] ", output.string(),
                 ": is the detoxifier itself; give another name");
    onto->check_target(target);
    info = onto->info();
  } else {
    info.method = kMethod;
    info.target = TargetSignature::of(target);
    info.provenance = provenance;
  }
  add_gate(gate, info, out);
  info.gate["provenance"] = provenance;
  std::vector<TensorView> tensors = out.views();
  if (onto)
    for (const TensorView& view : onto->tensors()->tensors())
      if (!view.name.starts_with("gate.")) tensors.push_back(view);
  write_detoxifier(output, info, tensors);
}

}  // namespace limpid::gate
