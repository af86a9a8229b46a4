#pragma once

#include <functional>
#include <string>

/// What readers of files have to say that is no error: the file is usable, and may not mean what its owner thinks.
/// Readers are called from deep inside the library, so there is one listener for the whole process.
namespace limpid {

/// Tells whoever listens, each message once in a process: a command may open one file several times.
void warn(const std::string& message);

/// Makes `listener` the one who hears warnings from now on; null: nobody does, as at first.
void listen_to_warnings(std::function<void(const std::string& message)> listener);

}  // namespace limpid
