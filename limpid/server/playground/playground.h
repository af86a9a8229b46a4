#pragma once

#include <string>

/// The page at GET /: one file without an address in it, put together at build from the sources beside this one.
namespace limpid::server {

const std::string& playground_page();

/// Returns the Content-Security-Policy that lets the page's own style and script run, and nothing else.
const std::string& playground_policy();

}  // namespace limpid::server
