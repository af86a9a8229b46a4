#include "limpid/server/requests/messages.h"

namespace limpid::server {

namespace {

constexpr size_t kMaxTurns = 1024;
constexpr const char* kMessagesForm = "a list of {\"role\": …, \"content\": …}";
constexpr const char* kRolesText = "\"system\", \"developer\", \"user\" or \"assistant\"";

std::string read_role(Fields& message) {
  const std::string path = message.path_of("role");
  const std::string& role = read_text(message.require("role", kRolesText), path);
  if (role == "developer") return "system";
  if (role == "system" || role == "user" || role == "assistant") return role;
  throw invalid_value(path, shown_name(role), kRolesText);
}

std::string read_part(const Json& value, const std::string& place) {
  Fields part(value, place);
  const std::string& type = read_text(part.require("type", "\"text\""), part.path_of("type"));
  if (type != "text") throw invalid_value(part.path_of("type"), shown_name(type), "\"text\"");
  return read_text(part.require("text", "a string"), part.path_of("text"));
}

std::string read_content(Fields& message, const std::string& role) {
  const std::string path = message.path_of("content");
  const Json* content = message.find("content");
  if (!content && role == "assistant") return "";
  if (!content) throw missing_parameter(path, "a string or a list of {\"type\": \"text\", \"text\": …}");
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array())
    throw invalid_type(path, *content, "a string or a list of {\"type\": \"text\", \"text\": …}");
  std::string text;
  for (size_t i = 0; i < content->size(); ++i) {
    if (i > 0) text += '\n';
    text += read_part((*content)[i], concat(path, "[", i, "]"));
  }
  return text;
}

}  // namespace

std::vector<Turn> read_messages(Fields& body, std::vector<std::string>& unknown) {
  body.require("messages", kMessagesForm);
  const Json& messages = *body.list("messages");
  if (messages.empty() || messages.size() > kMaxTurns)
    throw invalid_value("messages", concat("a list of ", messages.size()), concat("1 to ", kMaxTurns, " turns"));
  std::vector<Turn> turns;
  for (const Json& value : messages) {
    Fields message(value, concat("messages[", turns.size(), "]"));
    std::string role = read_role(message);
    std::string content = read_content(message, role);
    message.refuse({"tool_calls", "function_call", "audio"});
    message.append_unknown(unknown);
    turns.push_back({std::move(role), std::move(content)});
  }
  return turns;
}

}  // namespace limpid::server
