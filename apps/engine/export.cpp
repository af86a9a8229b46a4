#include "limpid/methods/export.h"

#include <iostream>

#include "apps/commands/distil.h"
#include "apps/engine/common.h"
#include "limpid/methods/detox_spec.h"

namespace limpid::apps {

int run(const ExportCommand& options) {
  const DetoxSpec spec = DetoxSpec::parse(options.detox);
  const ExportForm form = export_form(spec);
  LIMPID_CHECK(!options.form || *options.form == form, ConfigError, "[export] ", spec.file, ": fits --to ", name(form),
               ", not --to ", name(*options.form));
  const LoadOptions load = form == ExportForm::Folder ? LoadOptions(TrainingOptions()) : InferenceOptions();
  const auto model = open_named_model(options.model, load);
  export_detoxifier(*model, spec, options.output, terminal());
  std::cout << options.output.string() << ": "
            << (form == ExportForm::Folder ? "a Hugging Face folder in float32" : "a control vector") << " with "
            << spec.file << " in it\n";
  return 0;
}

}  // namespace limpid::apps
