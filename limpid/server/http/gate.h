#pragma once

#include <array>
#include <string>
#include <vector>

#include "limpid/server/http/router.h"

namespace limpid::server {

/// Who may call.
struct AccessRules {
  bool is_loopback = true;                 ///< the address that is listened on: then the Host header is looked at
  std::vector<std::string> allowed_hosts;  ///< names besides localhost, 127.0.0.1 and [::1]
  std::vector<std::string> keys;           ///< none: everyone may
  std::vector<std::string> origins;        ///< of web pages that may call
};

/// Decides on requests whose head has come: host, origin, key, route and kind of body, in this order.
class Gate {
 public:
  Gate(AccessRules rules, Router router);

  /// Returns what answers a request, and notes its id, client, key and route in it. @throws ApiError
  Handler operator()(HttpRequest& request) const;

 private:
  using Digest = std::array<unsigned char, 32>;
  static Digest digest_of(const std::string& key);
  void check_host(const HttpRequest& request) const;
  bool answers_preflight(HttpRequest& request, const std::vector<const Router::Route*>& routes) const;
  void check_key(HttpRequest& request, const std::vector<const Router::Route*>& routes) const;

  AccessRules rules_;
  std::vector<Digest> keys_;
  Router router_;
};

/// Returns whether an address is this machine's own.
bool is_loopback(const std::string& host);

}  // namespace limpid::server
