#include <mutex>

#include "limpid/methods/adapter.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/dexperts/dexperts.h"
#include "limpid/methods/dexperts/method.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/registry.h"

namespace limpid::dexperts {
namespace {

/// Returns the mask of the file as the options change it.
TokenMask mask_with(TokenMask mask, const MethodOptions& options) {
  using Kind = TokenMask::Kind;
  if (const auto kind = options.choice<Kind>("mask")) mask = TokenMask::usual(*kind);
  const auto level = options.number("level");
  LIMPID_CHECK(!level || mask.kind != Kind::None, ConfigError, options.place(), "level ", *level,
               " without a mask, expected mask=nucleus or mask=plausibility beside it");
  mask.level = level.value_or(mask.level);
  return mask;
}

/// Whole models are read once and kept for every session; an adapter belongs to the target it is opened on.
class Experts {
 public:
  explicit Experts(std::shared_ptr<const DetoxifierFile> file) : file_(std::move(file)) {}
  Reading get(const std::string& role, const Model& target) {
    const std::lock_guard lock(mutex_);
    if (const auto model = models_.find(role); model != models_.end()) return {model->second};
    const Reading reading = open_reader(file_->need(role), target);
    if (!reading.change) models_.emplace(role, reading.model);
    return reading;
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const DetoxifierFile> file_;
  std::map<std::string, std::shared_ptr<const Model>> models_;
};

}  // namespace

std::shared_ptr<Detoxifier> DexpertsMethod::load(std::shared_ptr<const DetoxifierFile> file,
                                                 const MethodOptions& options) {
  const std::string settings_place = options.place() + "settings";
  const Json& settings = file->info().settings;
  TokenMask mask;
  try {
    mask = TokenMask::parse(require<std::string>(settings, "mask", settings_place), settings_place + ": ");
  } catch (const ConfigError& error) {
    throw FormatError(error.what());
  }
  mask = mask_with(mask, options);
  const bool with_expert = require<bool>(settings, "expert", settings_place) && !options.has("expert");
  const auto experts = std::make_shared<Experts>(file);
  return file_detoxifier(file, info, with_expert ? "" : "anti-only", [=](const Model& target) {
    const Reading expert = with_expert ? experts->get("expert", target) : Reading();
    return std::make_unique<ExpertsSession>(target, ExpertParts{experts->get("anti", target), expert, mask});
  });
}

}  // namespace limpid::dexperts
