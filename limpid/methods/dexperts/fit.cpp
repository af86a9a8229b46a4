#include "limpid/methods/dexperts/fit.h"

#include <mutex>

#include "limpid/checkpoints/model_store.h"
#include "limpid/methods/adapter.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/target_signature.h"

namespace limpid {
namespace {

constexpr const char* kDexperts = "dexperts";

Reader open_expert(const fs::path& path, const Model& target) {
  return open_reader(path, target.shared_from_this(), target.options().precision);
}

/// The mask of the file, or what the options make of it.
TokenMask mask_with(TokenMask mask, const DetoxSpec& spec, const std::string& where) {
  const auto kind = spec.options.find("mask"), level = spec.options.find("level");
  if (kind == spec.options.end() && level == spec.options.end()) return mask;
  std::string text = mask.text();
  if (kind != spec.options.end())
    text = kind->second == "nucleus"        ? "nucleus:0.9"
           : kind->second == "plausibility" ? "plausibility:0.1"
                                            : kind->second;
  if (level != spec.options.end()) text = text.substr(0, text.find(':')) + ":" + level->second;
  return TokenMask::parse(text, where);
}

/// Whole models are read once and kept for every session; an adapter belongs to the target it is opened on.
class Experts {
 public:
  explicit Experts(std::shared_ptr<const DetoxifierFile> file) : file_(std::move(file)) {}
  Reader get(const std::string& role, const Model& target) {
    const std::lock_guard lock(mutex_);
    if (const auto found = models_.find(role); found != models_.end()) return found->second;
    const Reader reader = open_expert(file_->need(role), target);
    if (!reader.change) models_.emplace(role, reader.model);
    return reader;
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const DetoxifierFile> file_;
  std::map<std::string, std::shared_ptr<const Model>> models_;
};

}  // namespace

Json fit_dexperts(const Model& target, const ExpertsFit& fit) {
  check_same_vocabulary(target, *open_expert(resolve_model(fit.anti.string()), target).model, "anti-expert", "[fit] ");
  if (fit.expert)
    check_same_vocabulary(target, *open_expert(resolve_model(fit.expert->string()), target).model, "expert", "[fit] ");
  DetoxifierInfo info;
  info.method = kDexperts;
  info.target = TargetSignature::of(target);
  info.settings = {{"mask", fit.mask.text()}, {"expert", fit.expert.has_value()}};
  info.default_strength = double(fit.strength);
  info.strength_meaning = "alpha: how much of the experts' difference in logits is added";
  info.needs.push_back(linked_model("anti", fit.anti, fit.output));
  if (fit.expert) info.needs.push_back(linked_model("expert", *fit.expert, fit.output));
  info.provenance = fit.provenance;
  write_detoxifier(fit.output, info, {});
  return info.settings;
}

std::shared_ptr<Detoxifier> load_dexperts(std::shared_ptr<const DetoxifierFile> file, const DetoxSpec& spec) {
  const std::string where = concat("[dexperts] ", file->path().string(), ": "), at = where + "settings";
  for (const auto& [key, value] : spec.options) {
    LIMPID_CHECK(key == "mask" || key == "level" || key == "expert", ConfigError, where, "option \"", key,
                 "\" is not known; there are mask, level and expert");
    LIMPID_CHECK(key != "expert" || value == "none", ConfigError, where, "expert=", value, ", expected none");
  }
  const Json& settings = file->info().settings;
  TokenMask mask;
  try {
    mask = TokenMask::parse(require<std::string>(settings, "mask", at), at + ": ");
  } catch (const ConfigError& error) {
    throw FormatError(error.what());
  }
  mask = mask_with(mask, spec, where);
  const bool with_expert = require<bool>(settings, "expert", at) && !spec.options.contains("expert");
  const auto experts = std::make_shared<Experts>(file);
  const std::string name = concat(kDexperts, with_expert ? "" : "/anti-only");
  return file_detoxifier(file, name, [=](const Model& target) {
    const Reader expert = with_expert ? experts->get("expert", target) : Reader();
    return std::make_unique<ExpertsSession>(target, ExpertParts{experts->get("anti", target), expert, mask});
  });
}

}  // namespace limpid
