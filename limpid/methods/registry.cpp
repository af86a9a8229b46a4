#include "limpid/methods/registry.h"

#include "limpid/methods/adapter.h"
#include "limpid/methods/control_vector.h"
#include "limpid/methods/controls.h"
#include "limpid/methods/destein/fit.h"
#include "limpid/methods/dexperts/fit.h"
#include "limpid/methods/fusion/fusion.h"
#include "limpid/methods/gedi/fit.h"
#include "limpid/methods/model_surgery/fit.h"
#include "limpid/methods/profs/fit.h"
#include "limpid/methods/sasa/fit.h"
#include "limpid/methods/self_debiasing/fit.h"
#include "limpid/methods/toxification_reversal/fit.h"

namespace limpid {
namespace {

class FileDetoxifier final : public Detoxifier {
 public:
  using Open = std::function<std::unique_ptr<Session>(const Model& target)>;
  FileDetoxifier(std::shared_ptr<const DetoxifierFile> file, std::string name, Open open)
      : file_(std::move(file)),
        name_(std::move(name)),
        open_(std::move(open)) {}
  std::unique_ptr<Session> open(const Model& target) const override {
    file_->check_target(target);
    return open_(target);
  }
  float default_strength() const override { return float(file_->info().default_strength); }
  std::string name() const override { return name_; }

 private:
  std::shared_ptr<const DetoxifierFile> file_;
  std::string name_;
  Open open_;
};

}  // namespace

std::shared_ptr<Detoxifier> file_detoxifier(std::shared_ptr<const DetoxifierFile> file, std::string name,
                                            std::function<std::unique_ptr<Session>(const Model& target)> open) {
  return std::make_shared<FileDetoxifier>(std::move(file), std::move(name), std::move(open));
}

const std::map<std::string, DetoxifierLoader>& detoxifier_methods() {
  static const std::map<std::string, DetoxifierLoader> methods = {
      {"destein", load_destein},
      {"dexperts", load_dexperts},
      {"fusion", load_fusion},
      {"gedi", load_gedi},
      {"model-surgery", load_model_surgery},
      {"profs", load_profs},
      {"sasa", load_sasa},
      {"self-debiasing", load_self_debiasing},
      {"toxification-reversal", load_toxification_reversal},
  };
  return methods;
}

std::shared_ptr<Detoxifier> open_detoxifier(const DetoxSpec& spec) {
  if (const auto control = controls().find(spec.file); control != controls().end()) {
    LIMPID_CHECK(spec.options.empty(), ConfigError, "[detoxifier] ", spec.file, " has no options");
    return control->second(spec);
  }
  if (is_adapter(spec)) return load_adapter(spec);
  if (is_control_vector(spec)) return load_control_vector(spec);
  auto file = DetoxifierFile::open(spec.file);
  const auto found = detoxifier_methods().find(file->info().method);
  if (found != detoxifier_methods().end()) return found->second(std::move(file), spec);
  std::string known;
  for (const auto& [name, loader] : detoxifier_methods()) known += (known.empty() ? "" : ", ") + name;
  throw ConfigError(concat("[detoxifier] ", spec.file, ": method \"", file->info().method,
                           "\" is not known to this Limpid, which has ", known));
}

}  // namespace limpid
