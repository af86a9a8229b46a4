#include "limpid/methods/provenance.h"

#include "limpid/core/error.h"
#include "limpid/core/version.h"
#include "limpid/data/file_query.h"
#include "limpid/data/named_data.h"

namespace limpid {

Json fit_provenance(const std::string& target, const std::vector<std::string>& data) {
  Json files = Json::array();
  for (const std::string& entry : data) {
    const fs::path file = FileQuery::parse(entry).path;
    files.push_back({{"file", file.filename().string()}, {"sha256", sha256_file(resolve_data(file))}});
  }
  return {{"tool", concat("limpid ", version())}, {"target", fs::path(target).filename().string()}, {"data", files}};
}

}  // namespace limpid
