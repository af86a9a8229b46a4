#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/core/range.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/gate/file.h"

/// A recipe's file (method "recipe"): settings.parts is a list of {"method", "settings", "needs", "strength"}, and the
/// tensors of part i lie below "part<i>.". Its gate is worn by all parts. settings.measured, where it is there, is
/// [least, most]: the strengths of the dial that were measured when the file was made.
namespace limpid::recipe {

/// A detoxifier file at its tuned strength.
struct RecipePart {
  std::shared_ptr<const DetoxifierFile> file;
  double strength;
  std::map<std::string, std::string> options = {};  ///< settings of the file that others stand in for
};

/// Returns the parts of a recipe's file. @throws FormatError for a malformed one.
std::vector<RecipePart> read_parts(const std::shared_ptr<const DetoxifierFile>& file);

/// Returns settings.measured, if it is there. @throws FormatError for a malformed one.
std::optional<Range> read_measured(const DetoxifierFile& file);

/// Writes a recipe, or nothing. @param gate  may be null    @throws MismatchError when a part is for another model;
/// ConfigError for a part that needs another model, and for options that its file cannot hold.
void write_recipe(const fs::path& output, const Model& target, const std::vector<RecipePart>& parts,
                  const gate::FittedGate* gate, const Json& provenance,
                  const std::optional<Range>& measured = std::nullopt);

}  // namespace limpid::recipe
