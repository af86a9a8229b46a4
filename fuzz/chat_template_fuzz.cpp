// Any bytes as a chat template: an Error or a text within the limits.
#include "fuzz/support.h"
#include "limpid/tokenizers/jinja/template.h"

namespace {

const limpid::jinja::OrderedJson& variables() {
  static const auto value = limpid::jinja::OrderedJson::parse(R"({
    "messages": [{"role": "system", "content": "Be <b>brief</b>."}, {"role": "user", "content": "Hällo \n 'you'"},
                 {"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": {"x": [1, 2.5, null, true]}}]}],
    "tools": [{"function": {"name": "f", "parameters": {"x": {"type": "integer"}}}}],
    "bos_token": "<s>", "add_generation_prompt": true})");
  return value;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  const jinja::Limits limits{.steps = 100'000, .depth = 100, .bytes = 100'000};
  fuzzing::attempt([&] {
    const jinja::Template source(fuzzing::text_of(data, size));
    if (source.render(variables(), limits).size() > limits.bytes) fuzzing::finding("a text beyond the limit");
  });
  return 0;
}
