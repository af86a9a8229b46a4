#include "limpid/server/http/router.h"

#include <algorithm>

#include "limpid/core/names.h"
#include "limpid/server/http/text.h"

namespace limpid::server {
namespace {

/// Returns what the pattern's {…} stands for in the path, "" where it has none; nothing where they do not match.
std::optional<std::string> match(const std::string& pattern, const std::string& path) {
  const size_t brace = pattern.find('{');
  if (brace == std::string::npos) return pattern == path ? std::optional(std::string()) : std::nullopt;
  if (!path.starts_with(std::string_view(pattern).substr(0, brace))) return std::nullopt;
  const std::string_view part = std::string_view(path).substr(brace);
  if (part.empty() || part.find('/') != std::string_view::npos) return std::nullopt;
  return percent_decoded(part);
}

}  // namespace

std::vector<std::string> Router::patterns() const {
  std::vector<std::string> patterns;
  for (const Route& route : routes_)
    if (std::ranges::find(patterns, route.pattern) == patterns.end()) patterns.push_back(route.pattern);
  return patterns;
}

std::vector<const Router::Route*> Router::find(HttpRequest& request) const {
  std::vector<const Route*> found;
  for (const Route& route : routes_) {
    const auto parameter = match(route.pattern, request.path);
    if (!parameter) continue;
    request.route = route.pattern;
    request.parameter = *parameter;
    request.write_error = route.write_error;
    found.push_back(&route);
  }
  return found;
}

const Router::Route& Router::choose(const std::vector<const Route*>& routes, const HttpRequest& request) {
  if (routes.empty()) throw ApiError(404, "route_not_found", "there is no such route");
  std::vector<std::string> allowed;
  for (const Route* route : routes) {
    if (route->method == request.method || (route->method == "GET" && request.method == "HEAD")) return *route;
    allowed.push_back(route->method);
    if (route->method == "GET") allowed.push_back("HEAD");
  }
  ApiError error(405, "method_not_allowed", concat("the method is not one of this route, expected ", join(allowed)));
  error.headers = {{"Allow", join(allowed)}};
  throw error;
}

}  // namespace limpid::server
