#include "limpid/server/api_error.h"

#include <gtest/gtest.h>

namespace limpid::server {
namespace {

TEST(ApiErrors, HaveAllFourKeysAlways) {
  EXPECT_EQ(
      error_body(ApiError(404, "route_not_found", "there is no such route")),
      R"({"error":{"message":"there is no such route","type":"invalid_request_error","param":null,"code":"route_not_found"}})");
  EXPECT_EQ(error_body(ApiError(400, "invalid_value", "\"n\" is 0", "n")),
            R"({"error":{"message":"\"n\" is 0","type":"invalid_request_error","param":"n","code":"invalid_value"}})");
}

TEST(ApiErrors, AreOneLineOfValidUtf8WhateverIsInThem) {
  EXPECT_EQ(error_body(ApiError(500, "internal_error", "a\nb\xff")),
            "{\"error\":{\"message\":\"a\\\\x0ab\xEF\xBF\xBD\",\"type\":\"server_error\",\"param\":null,\"code\":"
            "\"internal_error\"}}");
}

TEST(ApiErrors, HaveTheTypeOfTheirStatus) {
  for (int status : {400, 401, 404, 405, 408, 413, 415, 431}) EXPECT_STREQ(error_type(status), "invalid_request_error");
  EXPECT_STREQ(error_type(403), "permission_error");
  EXPECT_STREQ(error_type(429), "rate_limit_error");
  for (int status : {500, 501}) EXPECT_STREQ(error_type(status), "server_error");
  EXPECT_STREQ(error_type(503), "unavailable_error");
}

}  // namespace
}  // namespace limpid::server
