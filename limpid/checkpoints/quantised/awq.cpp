#include <cctype>

#include "limpid/checkpoints/quantised/integer_weight.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid::quantised {
namespace {

/// The place among the eight nibbles of a word at which each of eight neighbouring outputs lies.
constexpr int kPlace[8] = {0, 4, 1, 5, 2, 6, 3, 7};

int number_at(const TensorView& words, int64_t row, int64_t o) {
  return packed_number(words.data.data() + (row * words.shape[1] + o / 8) * 4, kPlace[o % 8], 4);
}

QuantisedWeight read_awq_weight(const StoredForm& form, const std::string& module) {
  const TensorView codes = form.part(module + ".qweight", {DType::I32}, {-1, -1});  // [in, out / 8]
  IntegerWeight weight{.name = module + ".weight", .out = codes.shape[1] * 8, .in = codes.shape[0]};
  const TensorView scales =
      form.part(module + ".scales", {DType::F16, DType::BF16, DType::F32}, {-1, weight.out});  // [groups, out]
  const int64_t groups = scales.shape[0];
  LIMPID_CHECK(groups > 0 && weight.in % groups == 0, FormatError, "[quantised] ", form.checkpoint.source(), ": ",
               quote(module), " has ", groups, " groups for ", weight.in, " inputs");
  const TensorView zeros = form.part(module + ".qzeros", {DType::I32}, {groups, codes.shape[1]});
  weight.scale = to_floats(scales);
  for (int64_t i = 0; i < weight.in; ++i) weight.group.push_back(int32_t(i / (weight.in / groups)));
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t o = 0; o < weight.out; ++o) weight.zero.push_back(int16_t(number_at(zeros, g, o)));
  weight.row = [codes](int64_t o, uint8_t* row) {
    for (int64_t i = 0; i < codes.shape[0]; ++i) row[i] = uint8_t(number_at(codes, i, o));
  };
  return make_integer_weight(std::move(weight), {module + ".qweight", module + ".qzeros", module + ".scales"});
}

}  // namespace

std::vector<QuantisedWeight> awq_weights(const StoredForm& form) {
  const int64_t bits = get_or<int64_t>(form.settings, "bits", 4, form.place);
  LIMPID_CHECK(bits == 4, ConfigError, form.place, ": AWQ of ", bits, " bits is not supported; expected 4");
  std::string version = get_or<std::string>(form.settings, "version", "gemm", form.place);
  for (char& letter : version) letter = char(std::tolower(uint8_t(letter)));
  LIMPID_CHECK(version == "gemm", ConfigError, form.place, ": AWQ weights in the order of ", quote(version),
               " are not supported; expected \"version\" gemm");
  std::vector<QuantisedWeight> weights;
  for (const std::string& module : modules_with(form.checkpoint, ".qweight"))
    weights.push_back(read_awq_weight(form, module));
  return weights;
}

}  // namespace limpid::quantised
