#include "limpid/checkpoints/family.h"

#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid {

#define LIMPID_DECODER(family, model) Family family##_family();
#define LIMPID_ENCODER(family, model) Family family##_family();
#include "limpid/checkpoints/families/table.inl"
#undef LIMPID_DECODER
#undef LIMPID_ENCODER

namespace {

std::map<std::string, Family>& family_table() {
  static std::map<std::string, Family> table = [] {
    std::map<std::string, Family> built_in;
#define LIMPID_DECODER(family, model) built_in.emplace(#family, family##_family());
#define LIMPID_ENCODER(family, model) built_in.emplace(#family, family##_family());
#include "limpid/checkpoints/families/table.inl"
#undef LIMPID_DECODER
#undef LIMPID_ENCODER
    return built_in;
  }();
  return table;
}

}  // namespace

const ProjectionFormat* Family::find(Projection projection) const {
  for (const ProjectionFormat& format : projections)
    if (format.projection == projection) return &format;
  return nullptr;
}

const std::map<std::string, Family>& families() { return family_table(); }

void add_family(const Family& family) { family_table().insert_or_assign(family.name, family); }

const Family* find_family(const std::string& name) {
  const auto family = families().find(name);
  return family == families().end() ? nullptr : &family->second;
}

const Family& family_of(const ModelConfig& config) {
  const Family* family = find_family(config.architecture);
  LIMPID_CHECK(family, ConfigError, config.source, ": architecture ", quote(config.architecture), " is not supported");
  return *family;
}

bool ModelConfig::is_encoder() const {
  const Family* family = find_family(architecture);
  return family && family->encoder;
}

int64_t ModelConfig::rotary_width() const {
  constexpr double kRounding = 1e-9;  // a fraction made from two widths may lie just below their ratio
  return int64_t(rotary_fraction * double(head_dim) + kRounding);
}

}  // namespace limpid
