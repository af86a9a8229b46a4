#include "limpid/server/random_id.h"

#include <openssl/rand.h>

#include <array>

#include "limpid/core/error.h"

namespace limpid::server {

std::string random_id() {
  constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";  // 64
  std::array<unsigned char, 24> bytes{};
  LIMPID_CHECK(RAND_bytes(bytes.data(), int(bytes.size())) == 1, Error, "[server] the system has no random numbers");
  std::string id;
  for (unsigned char byte : bytes) id += kLetters[byte % 64];
  return id;
}

}  // namespace limpid::server
