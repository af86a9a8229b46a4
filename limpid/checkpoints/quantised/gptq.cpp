#include "limpid/checkpoints/quantised/integer_weight.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid::quantised {
namespace {

/// Settings of one checkpoint.
struct Gptq {
  int bits;
  int64_t group_size;  ///< inputs; -1: all
  int zero_offset;     ///< added to the zero points that are stored
};

Gptq read_settings(const StoredForm& form) {
  const int64_t bits = require<int64_t>(form.settings, "bits", form.place);
  LIMPID_CHECK(bits == 4 || bits == 8, ConfigError, form.place, ": GPTQ of ", bits,
               " bits is not supported; expected 4 or 8");
  const std::string format = get_or<std::string>(form.settings, "checkpoint_format", "gptq", form.place);
  LIMPID_CHECK(format == "gptq" || format == "gptq_v2", ConfigError, form.place, ": GPTQ weights in the order of ",
               quote(format), " are not supported; expected \"checkpoint_format\" gptq or gptq_v2");
  // The first version stores zero points less one.
  return {int(bits), get_or<int64_t>(form.settings, "group_size", -1, form.place), format == "gptq" ? 1 : 0};
}

std::vector<int32_t> read_groups(const StoredForm& form, const std::string& module, const Gptq& gptq, int64_t in,
                                 int64_t groups) {
  std::vector<int32_t> group(static_cast<size_t>(in));
  const int64_t size = gptq.group_size > 0 ? gptq.group_size : in;
  for (int64_t i = 0; i < in; ++i) group[size_t(i)] = int32_t(i / size);
  const std::string name = module + ".g_idx";
  if (form.checkpoint.find(name)) {
    const auto stored = to_integers(form.part(name, {DType::I32}, {in}));
    group.assign(stored.begin(), stored.end());
  }
  for (int32_t g : group)
    LIMPID_CHECK(g >= 0 && g < groups, FormatError, "[quantised] ", form.checkpoint.source(), ": ", quote(module),
                 " has an input of group ", g, ", expected 0 to ", groups - 1);
  return group;
}

QuantisedWeight read_gptq_weight(const StoredForm& form, const std::string& module, const Gptq& gptq) {
  const int64_t in_a_word = 32 / gptq.bits;
  const TensorView codes = form.part(module + ".qweight", {DType::I32}, {-1, -1});  // [in / in_a_word, out]
  IntegerWeight weight{.name = module + ".weight", .out = codes.shape[1], .in = codes.shape[0] * in_a_word};
  const int64_t out = weight.out;
  weight.bits = gptq.bits;
  const TensorView scales =
      form.part(module + ".scales", {DType::F16, DType::BF16, DType::F32}, {-1, out});  // [groups, out]
  const int64_t groups = scales.shape[0];
  const TensorView zeros = form.part(module + ".qzeros", {DType::I32}, {groups, (out + in_a_word - 1) / in_a_word});
  weight.scale = to_floats(scales);
  weight.group = read_groups(form, module, gptq, weight.in, groups);
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t o = 0; o < out; ++o) {
      const int stored = packed_number(zeros.data.data() + g * zeros.shape[1] * 4, o, gptq.bits);
      weight.zero.push_back(int16_t((stored + gptq.zero_offset) & ((1 << gptq.bits) - 1)));
    }
  weight.row = [codes, out, in = weight.in, in_a_word, bits = gptq.bits](int64_t o, uint8_t* row) {
    for (int64_t i = 0; i < in; ++i)
      row[i] = uint8_t(packed_number(codes.data.data() + (i / in_a_word * out + o) * 4, i % in_a_word, bits));
  };
  return make_integer_weight(std::move(weight),
                             {module + ".qweight", module + ".qzeros", module + ".scales", module + ".g_idx"});
}

}  // namespace

std::vector<QuantisedWeight> gptq_weights(const StoredForm& form) {
  const Gptq gptq = read_settings(form);
  std::vector<QuantisedWeight> weights;
  for (const std::string& module : modules_with(form.checkpoint, ".qweight"))
    weights.push_back(read_gptq_weight(form, module, gptq));
  return weights;
}

}  // namespace limpid::quantised
