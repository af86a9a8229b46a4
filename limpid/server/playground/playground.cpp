#include "limpid/server/playground/playground.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>

#include "limpid/core/error.h"
#include "limpid/server/playground/sources.h"

namespace limpid::server {
namespace {

std::string with(std::string page, const std::string& mark, const char* text) {
  const size_t place = page.find(mark);
  LIMPID_CHECK(place != std::string::npos, Error, "[playground] the page has no ", mark);
  return page.replace(place, mark.size(), text);
}

/// Returns 'sha256-…' of what stands between two tags.
std::string hash_of(const char* text) {
  const std::string_view view(text);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(view.data()), view.size(), digest.data());
  std::array<unsigned char, 4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), int(digest.size()));
  return concat("'sha256-", std::string(base64.begin(), base64.begin() + length), "'");
}

}  // namespace

const std::string& playground_page() {
  static const std::string page = with(with(kPlaygroundHtml, "{{css}}", kPlaygroundCss), "{{js}}", kPlaygroundJs);
  return page;
}

const std::string& playground_policy() {
  static const std::string policy = concat(
      "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src ",
      hash_of(kPlaygroundCss), "; script-src ", hash_of(kPlaygroundJs));
  return policy;
}

}  // namespace limpid::server
