#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/json.h"
#include "limpid/core/types.h"
#include "limpid/data/rows.h"

/// Prompt files and generation files as people already have them.
/// - Prompts: rows (data/rows.h) with `prompt` a string or {"text": …} (RealToxicityPrompts), or plain text, one prompt
/// a
///   line.
/// - Generations: jsonl, one prompt a line:
///   {"prompt": …, "generations": [{"text", "ids"?, "toxicity"?, "finish_reason"?}]}
///
/// Keys that are not understood are kept and written back, so that a file can be scored without losing anything.
/// NaN, as Python writes a number that is missing, is read as null. All readers throw FormatError "FILE:LINE: …" for
/// content that is wrong and IoError for a file that cannot be read.
namespace limpid {

/// One prompt of a prompt file.
struct PromptRow {
  std::string text;
  std::optional<double> toxicity;  ///< of the prompt itself, where the file has it (prompt.toxicity, else toxicity)
  Json fields = Json::object();    ///< the row as read; empty for plain text
  std::string source = {};         ///< "FILE:LINE"
};

/// One text written behind a prompt. A null or absent toxicity means "could not be scored", not 0.
struct Continuation {
  std::string text;
  std::optional<TokenIds> ids;
  std::optional<double> toxicity;  ///< in [0, 1]
  std::string finish_reason;       ///< "stop", "length", …; empty when the file does not say
  Json fields = Json::object();    ///< the other keys
};

/// One line of a generation file.
struct GenerationRow {
  std::optional<uint64_t> index;  ///< place of the prompt in its prompt file, key "index"
  std::string prompt;
  std::optional<TokenIds> prompt_ids;
  std::vector<Continuation> generations;
  Json fields = Json::object();  ///< the other keys of the line; a prompt object is kept here whole
};

/// Reads a prompt file, in any of the forms of data/rows.h.
/// @param path_or_name  or the name of a set that comes with the program (data/named_data.h)
/// @param field  the key that holds the prompt where rows have keys.
/// @throws FormatError also for a file without any prompt.
std::vector<PromptRow> read_prompts(const fs::path& path_or_name, const std::string& field = "prompt");

/// Reads a generation file in the order of its lines. @throws FormatError also for a file without any row.
std::vector<GenerationRow> read_generations(const fs::path& path);

/// Parses one line of a generation file. @param source  "FILE:LINE" for messages.
GenerationRow parse_generation_row(std::string_view line, const std::string& source);

/// Returns the token ids of key "ids", nothing where it is missing or null. @throws FormatError for other values.
std::optional<TokenIds> read_ids(const Json& object, const std::string& source);

/// Returns a row of a generation file that is parsed already.
GenerationRow generation_row(Json value, const std::string& source);

/// Returns the line for `row`, without the newline; parse_generation_row() gives the same row back.
std::string to_line(const GenerationRow& row);

/// Writes a whole generation file, or none of it.
void write_generations(const fs::path& path, const std::vector<GenerationRow>& rows);

/// Pairs the rows of two files whose prompts are the same text (equal texts in order): places in both, ascending.
/// @throws MismatchError when they have no prompt in common.
std::vector<std::pair<size_t, size_t>> pair_by_prompt(const std::vector<GenerationRow>& first,
                                                      const std::vector<GenerationRow>& second);

}  // namespace limpid
