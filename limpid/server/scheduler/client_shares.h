#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace limpid::server {

/// Whose turn it is: the waiting requests of each client, and the tokens that it was served lately, of which half are
/// forgotten in every ten seconds.
class ClientShares {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void add(const std::string& client, uint64_t job) { clients_[client].jobs.push_back(job); }
  /// Puts a request in front of the client's others.
  void add_first(const std::string& client, uint64_t job) { clients_[client].jobs.push_front(job); }
  /// Takes a request out of the line, wherever it stands.
  void remove(const std::string& client, uint64_t job);
  /// Returns the first request of the client that was served least; nothing when none waits.
  std::optional<uint64_t> next(Time now) const;
  void serve(const std::string& client, double tokens, Time now);
  /// Forgets clients that wait for nothing and were served long ago.
  void forget_idle(Time now);

 private:
  struct Client {
    std::deque<uint64_t> jobs;
    double served = 0;  // at `since`
    Time since = {};
    double at(Time now) const;
  };
  std::map<std::string, Client> clients_;
};

}  // namespace limpid::server
