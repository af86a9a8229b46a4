#include "limpid/server/request_log.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>

#include "limpid/tokenizers/unicode.h"

namespace limpid::server {
namespace {

std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", text, milliseconds);
}

}  // namespace

std::string log_line(const RequestRecord& record) {
  const std::string key = record.key ? fmt::format(" key {}", record.key) : "";
  const std::string status = record.status ? std::to_string(record.status) : "gone";
  return fmt::format("{} {} {} {} prompt {} new {} {:.0f} ms{}\n", now_text(), escaped(record.id), record.route, status,
                     record.prompt_tokens, record.generated_tokens, 1000 * record.seconds, key);
}

std::string escaped(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto next = decode_utf8(text, at);
    const bool is_control = next.code < 0x20 || (next.code >= 0x7f && next.code < 0xa0);  // C0, DEL, C1
    const bool ends_line = next.code == 0x2028 || next.code == 0x2029;
    if (text[at] == '\\')
      out += "\\\\";
    else if (text[at] == '\n')
      out += "\\n";
    else if (is_control || ends_line || next.state != Utf8State::kValid)
      for (const char byte : text.substr(at, next.size)) out += fmt::format("\\x{:02x}", uint8_t(byte));
    else
      out.append(text, at, next.size);
    at += next.size;
  }
  return out;
}

void RequestLog::finished(const RequestRecord& record) {
  const std::string line = log_line(record);
  std::fwrite(line.data(), 1, line.size(), file_);
}

void RequestLog::text(const std::string& request_id, const char* what, const std::string& text) {
  const std::string line = fmt::format("{} {} {}: {}\n", now_text(), escaped(request_id), what, escaped(text));
  std::fwrite(line.data(), 1, line.size(), file_);
}

}  // namespace limpid::server
