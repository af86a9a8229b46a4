#include <cmath>

#include "apps/help_format.h"
#include "apps/options.h"
#include "limpid/core/parse.h"
#include "limpid/methods/method_table.h"

namespace limpid::apps {
namespace {

constexpr const char* kForms =
    "A detoxifier is given as FILE[?key=value&key=value…][:STRENGTH]. FILE is\n"
    "\n"
    "  NAME.detox.safetensors, as limpid detox, limpid fit and limpid tune write them, or the name of one that comes "
    "with Limpid (limpid models);\n"
    "  a control vector, NAME.gguf;\n"
    "  a PEFT adapter, a folder;\n"
    "  a control without a file, control:NAME.\n"
    "\n"
    "Strength 0 is off, bit for bit; without a strength the file's own is taken. Several --detox compose in their "
    "order. "
    "Put quotes around a ? or & that your shell would read. Example:\n"
    "\n"
    "  limpid generate -m smollm2-135m-instruct --detox \"smollm2-destein?rule=constant:0.3\" -p \"My neighbour is\"\n"
    "\n"
    "Methods, what their strength means, and their keys (docs/detoxifiers.md says more):";

/// Returns the text broken to the width of the help, each line behind the same spaces.
std::string indented(const std::string& text, size_t indent) {
  return std::string(indent, ' ') + wrapped(text, help_width() - indent, indent) + "\n";
}

std::string explained(const MethodInfo& method) {
  const Range& range = method.strength.range;
  const bool bounded = std::isfinite(range.least) || std::isfinite(range.most);
  std::string text = concat("\n", method.name, "\n") +
                     indented(concat("strength", bounded ? " " + range.text() : "", ": ", method.strength.meaning), 2);
  for (const OptionInfo& option : method.options)
    text += indented(concat(option.key, "=", option.values(), ": ", option.help), 2);
  return text;
}

}  // namespace

std::string detoxifiers_explained() {
  std::string text;
  for (const std::string& line : split(kForms, '\n')) {
    const size_t indent = line.starts_with("  ") ? 2 : 0;
    const bool as_it_is = line.empty() || line.starts_with("  limpid");  // a command is not broken
    text += as_it_is ? line + "\n" : indented(line, indent);
  }
  for (const auto& methods :
       {std::span<const MethodInfo>(FileMethods::infos), std::span<const MethodInfo>(ForeignMethods::infos),
        std::span<const MethodInfo>(Controls::infos)})
    for (const MethodInfo& method : methods) text += explained(method);
  return text;
}

}  // namespace limpid::apps
