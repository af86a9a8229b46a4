#pragma once

#include <atomic>
#include <cstdio>
#include <string>

#include "limpid/server/http/http_server.h"

namespace limpid::server {

/// Returns the line of a request: time, id, route, status, prompt and new tokens, milliseconds, number of the key.
/// Nothing that a client sent is in it but the id.
///   2026-12-01T09:15:04.123Z 8f3kQ… /v1/completions 200 prompt 31 new 12 214 ms key 1
std::string log_line(const RequestRecord& record);

/// Returns the text on one line that a terminal can show: control characters and bytes that are no UTF-8 as \xNN.
std::string escaped(const std::string& text);

/// Writes a line of each request to a file.
class RequestLog {
 public:
  explicit RequestLog(std::FILE* file) : file_(file) {}
  void finished(const RequestRecord& record);
  void text(const std::string& request_id, const char* what, const std::string& text);  ///< with --log-prompts

 private:
  std::FILE* file_;
};

}  // namespace limpid::server
