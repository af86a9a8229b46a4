#include "limpid/core/warnings.h"

#include <mutex>
#include <set>

namespace limpid {
namespace {

struct Listening {
  std::mutex mutex;
  std::function<void(const std::string&)> listener;
  std::set<std::string> heard;
};

Listening& listening() {
  static Listening instance;
  return instance;
}

}  // namespace

void warn(const std::string& message) {
  Listening& state = listening();
  const std::lock_guard lock(state.mutex);
  if (state.listener && state.heard.insert(message).second) state.listener(message);
}

void listen_to_warnings(std::function<void(const std::string&)> listener) {
  Listening& state = listening();
  const std::lock_guard lock(state.mutex);
  state.listener = std::move(listener);
  state.heard.clear();
}

}  // namespace limpid
