#pragma once

#include <string>
#include <vector>

#include "limpid/core/files.h"

/// Multiple-choice questions.
namespace limpid {

struct ChoiceQuestion {
  std::string question, category;
  std::vector<std::string> choices;
  size_t answer = 0;
};

/// Reads rows {"question", "choices": [two or more], "answer": index from 0, "category"?}. @throws FormatError
/// "FILE:LINE: …".
std::vector<ChoiceQuestion> read_choice_questions(const fs::path& file);

}  // namespace limpid
