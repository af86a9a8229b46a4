#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "limpid/server/http/exchange.h"

namespace limpid::server {

/// From method and path to what answers.
class Router {
 public:
  struct Route {
    std::string method, pattern;  ///< a last part {…} of a pattern stands for any one part
    Handler handler;
    bool is_open = false;                                      ///< needs no key
    bool key_in_query = false;                                 ///< takes the key from ?key= too
    std::string (*write_error)(const ApiError&) = error_body;  ///< the form of its errors
  };

  void add(Route route) { routes_.push_back(std::move(route)); }

  std::vector<std::string> patterns() const;  ///< each once, in order

  /// Returns the routes of a path, each method's own; notes the route and its parameter in the request.
  std::vector<const Route*> find(HttpRequest& request) const;
  /// Returns the one of them that the request's method asks for; HEAD asks for what GET does.
  /// @throws ApiError 404 `route_not_found` where there are none, 405 `method_not_allowed`
  static const Route& choose(const std::vector<const Route*>& routes, const HttpRequest& request);

 private:
  std::vector<Route> routes_;
};

}  // namespace limpid::server
