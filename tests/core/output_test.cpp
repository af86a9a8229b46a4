#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>
#include <thread>

#include "limpid/core/atomic_file.h"
#include "limpid/core/error.h"
#include "limpid/core/files.h"
#include "limpid/core/folder_lock.h"
#include "limpid/core/line_log.h"
#include "limpid/core/part.h"
#include "limpid/core/staged_folder.h"
#include "tests/support/fixtures.h"

/// What is written, and where: files, links, pipes, folders.
namespace limpid {
namespace {

using testing_support::TempDir;

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const IoError& error) {
    return error.what();
  }
  return "(no error)";
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

/// Returns the number of a process that has ended.
pid_t dead_process() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return child;
}

TEST(AtomicFile, KeepsThePermissionsOfTheFileItReplaces) {
  const TempDir dir;
  const fs::path path = dir.write("private.txt", "old");
  for (const mode_t mode : {0600, 0640, 0755}) {
    chmod(path.c_str(), mode);
    write_file(path, "new");
    EXPECT_EQ(mode_of(path), mode);
  }
  const mode_t mask = umask(027);
  write_file(dir.path() / "fresh.txt", "new");
  umask(mask);
  EXPECT_EQ(mode_of(dir.path() / "fresh.txt"), 0640u) << "a new one gets what the user's mask allows";
}

TEST(AtomicFile, KeepsTheOwnerWhereItMay) {
  if (geteuid() != 0) GTEST_SKIP() << "skipped: only root gives files away";
  const TempDir dir;
  const fs::path path = dir.write("theirs.txt", "old");
  ASSERT_EQ(chown(path.c_str(), 1234, 2345), 0);
  write_file(path, "new");
  struct stat status{};
  stat(path.c_str(), &status);
  EXPECT_EQ(status.st_uid, 1234u);
  EXPECT_EQ(status.st_gid, 2345u);
}

TEST(AtomicFile, WritesTheFileBehindALinkAndTheLinkStays) {
  const TempDir dir;
  const fs::path file = dir.write("far/away/file.txt", "old"), link = dir.path() / "link.txt",
                 second = dir.path() / "l2";
  fs::create_symlink("far/away/file.txt", link);
  fs::create_symlink(link, second);
  write_file(second, "new");
  EXPECT_TRUE(fs::is_symlink(link) && fs::is_symlink(second));
  EXPECT_EQ(read_file(file), "new");
  EXPECT_EQ(names_in(file.parent_path()), std::set<std::string>{"file.txt"});
  fs::create_symlink("not-there-yet.txt", dir.path() / "dangling");
  write_file(dir.path() / "dangling", "made");
  EXPECT_EQ(read_file(dir.path() / "not-there-yet.txt"), "made");
  fs::create_symlink("loop", dir.path() / "loop");
  EXPECT_NE(message_of([&] { write_file(dir.path() / "loop", "x"); }).find("loop"), std::string::npos);
}

TEST(AtomicFile, WritesThroughAPipeAsItComes) {
  const TempDir dir;
  const fs::path pipe = dir.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(is_stream(pipe));
  std::string read;
  std::thread reader([&] {
    const Descriptor end(::open(pipe.c_str(), O_RDONLY));
    char part[64];
    for (ssize_t size; (size = ::read(end.get(), part, sizeof part)) > 0;) read.append(part, size_t(size));
  });
  write_file(pipe, "through");
  reader.join();
  EXPECT_EQ(read, "through");
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_EQ(names_in(dir.path()), std::set<std::string>{"pipe"});
}

TEST(AtomicFile, WritesThroughADeviceAndTellsThatItIsFull) {
  const TempDir dir;
  const fs::path null = dir.path() / "null", full = dir.path() / "full";
  if (mknod(null.c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0 ||
      mknod(full.c_str(), S_IFCHR | 0666, makedev(1, 7)) != 0)
    GTEST_SKIP() << "skipped: devices cannot be made here";
  if (const Descriptor opened(::open(null.c_str(), O_WRONLY)); !opened)
    GTEST_SKIP() << "skipped: devices cannot be opened in " << dir.path();
  write_file(null, "gone");
  EXPECT_TRUE(fs::is_character_file(null));
  EXPECT_NE(message_of([&] { write_file(full, "x"); }).find("No space left on device"), std::string::npos);
  EXPECT_TRUE(fs::is_character_file(full));
}

TEST(AtomicFile, WritesToADescriptorBehindWhatIsThere) {
  const TempDir dir;
  const fs::path path = dir.write("log.txt", "before\n");
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND));
  const fs::path named = concat("/dev/fd/", file.get());
  EXPECT_TRUE(is_stream(named));
  write_file(named, "after\n");
  EXPECT_EQ(read_file(path), "before\nafter\n");
  EXPECT_NE(message_of([] { write_file("/dev/fd/987654", "x"); }).find("/dev/fd/987654: cannot be written"),
            std::string::npos);
}

TEST(AtomicFile, RefusesAFolderAndAFileThatMayNotBeWrittenAtOnce) {
  const TempDir dir;
  EXPECT_NE(message_of([&] { AtomicFile file(dir.path()); }).find("is a folder"), std::string::npos);
  EXPECT_NE(message_of([&] { AtomicFile file(dir.path() / "new/"); }).find("is a folder"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(dir.path()));
  if (geteuid() == 0) return;  // who may write everything
  const fs::path path = dir.write("kept.txt", "old");
  chmod(path.c_str(), 0400);
  EXPECT_NE(message_of([&] { AtomicFile file(path); }).find("Permission denied"), std::string::npos);
  EXPECT_EQ(read_file(path), "old");
}

TEST(AtomicFile, ClearsPartsOfDeadProcessesAndNoOthers) {
  const TempDir dir;
  const fs::path path = dir.path() / "out.jsonl";
  const std::string dead = concat("out.jsonl.", dead_process(), ".part"),
                    living = concat("out.jsonl.", getppid(), ".part");
  for (const std::string& name : {dead, living, std::string("out.jsonl.part"), std::string("other.jsonl.1.part"),
                                  std::string("out.jsonl.x.part"), concat("out.jsonl.", getpid(), ".part")})
    dir.write(name, "half");
  write_file(path, "whole");
  EXPECT_EQ(names_in(dir.path()),
            (std::set<std::string>{"out.jsonl", living, "out.jsonl.part", "other.jsonl.1.part", "out.jsonl.x.part"}));
}

TEST(StagedFolder, IsNothingUntilItIsWhole) {
  const TempDir dir;
  const fs::path out = dir.path() / "deep" / "out";
  {
    StagedFolder folder(out, "config.json");
    write_file(folder.path() / "config.json", "half");
  }
  EXPECT_TRUE(fs::is_empty(out.parent_path()));
  StagedFolder folder(out, "config.json");
  write_file(folder.path() / "config.json", "{}");
  EXPECT_FALSE(fs::exists(out));
  folder.commit();
  EXPECT_EQ(read_file(out / "config.json"), "{}");
  EXPECT_EQ(names_in(out.parent_path()), std::set<std::string>{"out"});
}

TEST(StagedFolder, TakesThePlaceOfAnOldOneAndKeepsWhatItDoesNotWrite) {
  const TempDir dir;
  const fs::path out = dir.path() / "out";
  dir.write("out/config.json", "old");
  dir.write("out/notes.txt", "mine");
  dir.write("out/deep/notes.txt", "mine too");
  StagedFolder folder(out / "", "config.json");
  write_file(folder.path() / "config.json", "new");
  write_file(folder.path() / "model", "new");
  EXPECT_EQ(read_file(out / "config.json"), "old");
  folder.commit();
  EXPECT_EQ(read_file(out / "config.json"), "new");
  EXPECT_EQ(read_file(out / "model"), "new");
  EXPECT_EQ(read_file(out / "notes.txt"), "mine");
  EXPECT_EQ(read_file(out / "deep" / "notes.txt"), "mine too");
}

TEST(StagedFolder, ClearsTheFolderThatADeadProcessLeft) {
  const TempDir dir;
  dir.write(concat("out.", dead_process(), ".part/config.json"), "half");
  StagedFolder folder(dir.path() / "out", "config.json");
  write_file(folder.path() / "config.json", "{}");
  folder.commit();
  EXPECT_EQ(names_in(dir.path()), std::set<std::string>{"out"});
}

TEST(StagedFolder, RefusesAFileInItsPlace) {
  const TempDir dir;
  const fs::path file = dir.write("out", "a file");
  EXPECT_NE(message_of([&] { StagedFolder folder(file, "config.json"); }).find("is no folder"), std::string::npos);
}

TEST(FolderLock, IsHeldByOneAtATime) {
  const TempDir dir;
  const fs::path folder = dir.path() / "run";
  {
    const FolderLock lock(folder);
    EXPECT_NE(message_of([&] { FolderLock second(folder); }).find("another run works in this folder"),
              std::string::npos);
  }
  FolderLock again(folder);
  EXPECT_TRUE(fs::is_empty(folder)) << "nothing is left of a lock";
}

TEST(LineLog, HoldsWholeLinesOnly) {
  const TempDir dir;
  const fs::path path = dir.write("log", "one\ntwo\nthr");
  LineLog log(path);
  EXPECT_EQ(log.read(), "one\ntwo\n");
  EXPECT_EQ(log.dropped_bytes(), 3u);
  EXPECT_EQ(read_file(path), "one\ntwo\nthr") << "nothing is cut before it was understood";
  log.cut();
  log.append("three");
  EXPECT_EQ(read_file(path), "one\ntwo\nthree\n");
  EXPECT_EQ(log.size(), 14u);
  log.clear();
  log.append("anew");
  EXPECT_EQ(read_file(path), "anew\n");
}

}  // namespace
}  // namespace limpid
