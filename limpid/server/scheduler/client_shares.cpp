#include "limpid/server/scheduler/client_shares.h"

#include <algorithm>
#include <cmath>

namespace limpid::server {
namespace {

constexpr double kHalfLife = 10.0;  // seconds
constexpr double kNothing = 1e-3;   // tokens

}  // namespace

double ClientShares::Client::at(Time now) const {
  if (served == 0) return 0;
  return served * std::exp2(-std::chrono::duration<double>(now - since).count() / kHalfLife);
}

void ClientShares::remove(const std::string& client, uint64_t job) {
  const auto found = clients_.find(client);
  if (found != clients_.end()) std::erase(found->second.jobs, job);
}

std::optional<uint64_t> ClientShares::next(Time now) const {
  const Client* least = nullptr;
  for (const auto& [name, client] : clients_) {
    if (client.jobs.empty()) continue;
    const bool before = !least || client.at(now) < least->at(now) ||
                        (client.at(now) == least->at(now) && client.jobs.front() < least->jobs.front());
    if (before) least = &client;
  }
  return least ? std::optional(least->jobs.front()) : std::nullopt;
}

void ClientShares::serve(const std::string& client, double tokens, Time now) {
  Client& of = clients_[client];
  of.served = of.at(now) + tokens;
  of.since = now;
}

void ClientShares::forget_idle(Time now) {
  std::erase_if(clients_,
                [&](const auto& entry) { return entry.second.jobs.empty() && entry.second.at(now) < kNothing; });
}

}  // namespace limpid::server
