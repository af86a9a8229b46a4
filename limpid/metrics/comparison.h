#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/data/generations.h"
#include "limpid/metrics/ordinary.h"
#include "limpid/metrics/report.h"

/// Two runs over the same prompts, for a person to compare: paired figures first, then texts beside each other.
namespace limpid {

/// One file that both runs have, and what can be said of it.
struct ComparedFile {
  std::string title;  ///< "generations.jsonl"; empty when two files were given
  std::vector<GenerationRow> a, b;
  double threshold = 0.5;  ///< of toxicity, as the run was scored
  std::optional<MetricsReport> a_toxicity, b_toxicity;
  std::optional<RunComparison> toxicity;  ///< where both have scores
  std::optional<OrdinaryReport> a_ordinary, b_ordinary;
  std::optional<OrdinaryComparison> ordinary;  ///< where both have one text a prompt
};

struct RunsComparison {
  std::string a_name, b_name;
  std::vector<ComparedFile> files;
};

struct ComparisonOptions {
  size_t examples = 5;  ///< prompts of each file whose texts are shown; those that differ come first
  bool masked = true;   ///< offensive words
};

/// Reads two settings of evaluations (folders with generations.jsonl or ordinary.jsonl, or both) or two generation
/// files.
/// @throws ConfigError when the folders have no such file in common; MismatchError when a file's prompts have none.
RunsComparison read_comparison(const fs::path& a, const fs::path& b);

Json to_json(const RunsComparison& comparison);
std::string comparison_markdown(const RunsComparison& comparison, const ComparisonOptions& options = {});

/// Returns one page of HTML that needs nothing else.
std::string comparison_page(const RunsComparison& comparison, const ComparisonOptions& options = {});

}  // namespace limpid
