#include <iostream>

#include "apps/commands/convert.h"
#include "apps/engine/common.h"
#include "apps/engine/text_perplexity.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/conversion/convert.h"

namespace limpid::apps {
namespace {

/// Perplexity in exact arithmetic on the weights, so that nothing but their rounding differs.
/// @throws ConfigError where a text has none, and would be missing in the mean
TextLikelihood measure(const fs::path& model, const QuantizeCommand& options) {
  const auto opened = open_named_model(model.string(), Precision::Exact);
  const TextLikelihood measured =
      text_likelihood(*opened, read_documents(options.text, *opened, size_t(options.documents)), options.text);
  LIMPID_CHECK(measured.failed == 0, ConfigError, "[quantize] ", measured.failed, " of the texts of ", options.text,
               " have no likelihood under ", model.string(), "; --documents 0 measures nothing");
  return measured;
}

}  // namespace

int run(const QuantizeCommand& options) {
  using enum DType;
  constexpr DType kTypes[] = {Q4_K, Q4_0, Q4_1, Q5_K, Q6_K, Q8_0, BF16};  // in the order of StoredType
  LIMPID_CHECK(options.output.extension() == ".gguf", ConfigError, "[quantize] ", options.output.string(),
               ": expected a name that ends in .gguf");
  const fs::path model = resolve_model(options.model);
  std::optional<TextLikelihood> before;  // first of all: what cannot be read is told before hours of work
  if (options.documents > 0) before = measure(model, options);
  const ConvertedModel written = write_gguf_model(model, options.output, kTypes[size_t(options.type)], terminal());
  Json report = {{"output", options.output.string()},
                 {"type", name(options.type)},
                 {"parameters", written.parameters},
                 {"bytes", written.bytes},
                 {"bytes_before", written.stored_bytes}};
  std::ostringstream text;
  text << options.output.string() << ": " << double(written.bytes) / 1e6 << " MB, before "
       << double(written.stored_bytes) / 1e6 << " MB\n";
  if (before) {
    const TextLikelihood after = measure(options.output, options);
    report["tokens"] = before->nll.size();
    report["perplexity_before"] = before->perplexity;
    report["perplexity"] = after.perplexity;
    text << "perplexity " << after.perplexity << ", before " << before->perplexity << " ("
         << after.perplexity / before->perplexity << " times) over " << thousands(before->nll.size()) << " tokens of "
         << options.text << "\n";
  }
  std::cout << (options.json ? to_text(report, 1) + "\n" : text.str());
  return 0;
}

}  // namespace limpid::apps
