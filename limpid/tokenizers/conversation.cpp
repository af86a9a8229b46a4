#include <algorithm>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/json.h"
#include "limpid/core/names.h"
#include "limpid/tokenizers/chat.h"

namespace limpid {

namespace {

constexpr const char* kRoles[] = {"system", "user", "assistant"};

Turn read_turn(const Json& message, const std::string& place) {
  LIMPID_CHECK(message.is_object(), FormatError, place, ": found ", json_kind(message),
               ", expected {\"role\": …, \"content\": …}");
  Turn turn{require<std::string>(message, "role", place), require<std::string>(message, "content", place)};
  LIMPID_CHECK(std::find(std::begin(kRoles), std::end(kRoles), turn.role) != std::end(kRoles), FormatError, place,
               ": \"role\" is ", quote(turn.role), ", expected ", join_alternatives(kRoles));
  return turn;
}

}  // namespace

std::vector<Turn> parse_conversation(std::string_view json, const std::string& source) {
  const Json messages = parse_json(json, source);
  LIMPID_CHECK(messages.is_array(), FormatError, source, ": found ", json_kind(messages),
               ", expected a list of {\"role\": …, \"content\": …}");
  LIMPID_CHECK(!messages.empty(), FormatError, source, ": the list is empty, expected at least one message");
  std::vector<Turn> turns;
  for (const Json& message : messages)
    turns.push_back(read_turn(message, concat(source, ": message ", turns.size() + 1)));
  LIMPID_CHECK(turns.back().role != "assistant", FormatError, source, ": message ", turns.size(),
               ", the last, is the assistant's, expected one that it can answer");
  return turns;
}

}  // namespace limpid
