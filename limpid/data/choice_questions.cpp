#include "limpid/data/choice_questions.h"

#include "limpid/data/rows.h"

namespace limpid {

constexpr size_t kMostChoices = 26;  // letters

std::vector<ChoiceQuestion> read_choice_questions(const fs::path& file) {
  std::vector<ChoiceQuestion> questions;
  const char* expected = R"({"question", "choices", "answer"})";
  for_each_object(file, {}, expected, [&](const Json& row, const std::string& source) {
    ChoiceQuestion question;
    question.question = require<std::string>(row, "question", source);
    question.choices = require<std::vector<std::string>>(row, "choices", source);
    const int64_t answer = require<int64_t>(row, "answer", source);
    LIMPID_CHECK(question.choices.size() >= 2 && question.choices.size() <= kMostChoices, FormatError, source, ": ",
                 question.choices.size(), " choices, expected 2 to ", kMostChoices);
    LIMPID_CHECK(answer >= 0 && size_t(answer) < question.choices.size(), FormatError, source, ": answer ", answer,
                 " of ", question.choices.size(), " choices, expected an index from 0");
    question.answer = size_t(answer);
    if (const auto category = row.find("category"); category != row.end() && category->is_string())
      question.category = category->get<std::string>();
    questions.push_back(std::move(question));
  });
  LIMPID_CHECK(!questions.empty(), FormatError, file.string(), ": has no questions");
  return questions;
}

}  // namespace limpid
