#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limpid/core/files.h"

/// The data that come with the program, by name, so that a command needs no download: `--pairs paradetox`. They lie
/// compressed in share/limpid/data; its NOTICE.md says what is in them, and scripts/make_data makes them.
namespace limpid {

/// One set, as share/limpid/data/index.json has it.
struct NamedData {
  std::string name, what;
  size_t rows = 0;
  std::vector<std::string> fields;  ///< of a row, "answers?" where some rows lack it; none for plain lines
  std::string licence;
  bool offensive = false;
  std::string file;    ///< in share/limpid; .gz is compressed
  uint64_t bytes = 0;  ///< of the content, uncompressed
  std::string sha256;  ///< of the same
};

/// Reads the list. @throws IoError when share/limpid is not there; FormatError.
std::vector<NamedData> named_data();

/// Returns the set of that name. @throws ConfigError naming all.
NamedData find_named_data(const std::string& name);

/// Returns the content: JSON lines, or plain lines. @throws FormatError when the file is damaged.
std::string read_named_data(const NamedData& data);

/// Resolves what a person wrote where a file is expected: a file and "-" (standard input) stay as they are; a name
/// becomes a file in the cache (…/limpid/data/NAME-HASH.jsonl, written when it is not there); anything else stays as it
/// is, for the reader to complain about. Every reader of this room that takes prompts, pairs or texts does this itself.
/// @throws IoError naming all sets for a lone word that is neither a file nor a name.
fs::path resolve_data(const fs::path& path_or_name);

}  // namespace limpid
