#include "limpid/checkpoints/gguf_types.h"

#include "limpid/core/error.h"

namespace limpid {
namespace {

struct GgmlType {
  uint32_t number;
  DType type;
};
constexpr GgmlType kTypes[] = {
    {0, DType::F32},    {1, DType::F16},     {2, DType::Q4_0},     {3, DType::Q4_1},    {6, DType::Q5_0},
    {7, DType::Q5_1},   {8, DType::Q8_0},    {10, DType::Q2_K},    {11, DType::Q3_K},   {12, DType::Q4_K},
    {13, DType::Q5_K},  {14, DType::Q6_K},   {16, DType::IQ2_XXS}, {17, DType::IQ2_XS}, {18, DType::IQ3_XXS},
    {19, DType::IQ1_S}, {20, DType::IQ4_NL}, {21, DType::IQ3_S},   {22, DType::IQ2_S},  {23, DType::IQ4_XS},
    {24, DType::I8},    {25, DType::I16},    {26, DType::I32},     {27, DType::I64},    {28, DType::F64},
    {29, DType::IQ1_M}, {30, DType::BF16},   {34, DType::TQ1_0},   {35, DType::TQ2_0},  {39, DType::MXFP4},
    {40, DType::NVFP4}, {41, DType::Q1_0},
};

struct OtherType {
  uint32_t number;
  const char* name;
};
// Of activations while a product runs, which no file holds; and forms that ggml made for some processors and gave up.
constexpr OtherType kOthers[] = {
    {4, "Q4_2"},      {5, "Q4_3"},      {9, "Q8_1"},        {15, "Q8_K"},       {31, "Q4_0_4_4"},
    {32, "Q4_0_4_8"}, {33, "Q4_0_8_8"}, {36, "IQ4_NL_4_4"}, {37, "IQ4_NL_4_8"}, {38, "IQ4_NL_8_8"},
};

}  // namespace

size_t size_of(GgufType type) {
  switch (type) {
    case GgufType::U8:
    case GgufType::I8:
    case GgufType::Bool: return 1;
    case GgufType::U16:
    case GgufType::I16: return 2;
    case GgufType::U32:
    case GgufType::I32:
    case GgufType::F32: return 4;
    case GgufType::U64:
    case GgufType::I64:
    case GgufType::F64:
    case GgufType::Text: return 8;  // a string is at least its length
    case GgufType::Array: return 12;
  }
  return 0;
}

std::optional<DType> dtype_of_ggml(uint32_t ggml_type) {
  for (const GgmlType& known : kTypes)
    if (known.number == ggml_type) return known.type;
  return std::nullopt;
}

uint32_t ggml_type_of(DType type) {
  for (const GgmlType& known : kTypes)
    if (known.type == type) return known.number;
  throw ConfigError(concat("[gguf] has no tensors of type ", info(type).name));
}

std::string other_ggml_type(uint32_t ggml_type) {
  for (const OtherType& other : kOthers)
    if (other.number == ggml_type) return other.name;
  return concat("ggml type ", ggml_type);
}

}  // namespace limpid
