// A preload library that lets one file operation of a program go wrong, or one allocation, or kills the program there.
// scripts/fault_injection builds and uses it.
//   FAULT_BELOW   folder: operations that write into it are counted, from 1
//   FAULT_KIND    count | enospc | eio | short | malloc | kill
//   FAULT_AT      the number of the operation, or of the allocation after the first file below the folder was opened
//   FAULT_COUNT   file that gets "OPERATIONS ALLOCATIONS" when the program ends
// enospc and eio fail the operation and all later ones of its kind until the program ends: a disk does not recover while
// an error is handled. short lets the operation, when it is a write, write half of what it was given.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum Kind { kCount, kNoSpace, kInputOutput, kShort, kMalloc, kKill };

static enum Kind kind;
static const char* below = "";
static long at;
static pid_t owner;
static atomic_long operations, allocations;
static atomic_bool armed, failing;

__attribute__((constructor)) static void begin(void) {
  static const char* const names[] = {"count", "enospc", "eio", "short", "malloc", "kill"};
  const char* text = getenv("FAULT_KIND");
  for (int i = 0; text && i < 6; ++i)
    if (strcmp(text, names[i]) == 0) kind = (enum Kind)i;
  if ((text = getenv("FAULT_BELOW"))) below = text;
  if ((text = getenv("FAULT_AT"))) at = atol(text);
  owner = getpid();
}

__attribute__((destructor)) static void end(void) {
  const char* path = getenv("FAULT_COUNT");
  if (!path || getpid() != owner) return;
  char text[64];
  const int size = snprintf(text, sizeof text, "%ld %ld\n", (long)operations, (long)allocations);
  const int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  syscall(SYS_write, file, text, (size_t)size);
  syscall(SYS_close, file);
}

static bool counts(const char* path) {
  char whole[PATH_MAX];
  if (!*below || !path) return false;
  if (path[0] != '/') {
    if (!getcwd(whole, sizeof whole)) return false;
    strncat(whole, "/", sizeof whole - strlen(whole) - 1);
    strncat(whole, path, sizeof whole - strlen(whole) - 1);
    path = whole;
  }
  return strncmp(path, below, strlen(below)) == 0;
}

static bool counts_file(int file) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const long size = syscall(SYS_readlink, link, path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = 0;
  return counts(path);
}

/// Counts an operation. Returns whether it fails; errno says why.
static bool fails(void) {
  const long number = atomic_fetch_add(&operations, 1) + 1;
  if (kind == kKill && number == at) syscall(SYS_kill, getpid(), SIGKILL);
  if (kind != kNoSpace && kind != kInputOutput) return false;
  if (number == at) failing = true;
  if (failing) errno = kind == kNoSpace ? ENOSPC : EIO;
  return failing;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                       \
  int name(const char* path, int flags, ...) {                           \
    mode_t mode = 0;                                                     \
    if (flags & O_CREAT) {                                               \
      va_list more;                                                      \
      va_start(more, flags);                                             \
      mode = va_arg(more, mode_t);                                       \
      va_end(more);                                                      \
    }                                                                    \
    if (counts(path)) {                                                  \
      armed = true;                                                      \
      if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && fails()) return -1; \
    }                                                                    \
    return NEXT(name)(path, flags, mode);                                \
  }
OPEN(open)
OPEN(open64)

ssize_t write(int file, const void* bytes, size_t size) {
  if (counts_file(file)) {
    if (fails()) return -1;
    if (kind == kShort && operations == at && size > 1) size /= 2;
  }
  return NEXT(write)(file, bytes, size);
}

ssize_t writev(int file, const struct iovec* parts, int count) {
  if (counts_file(file)) {
    if (fails()) return -1;
    if (kind == kShort && operations == at && count > 1) count = 1;
  }
  return NEXT(writev)(file, parts, count);
}

int fsync(int file) { return counts_file(file) && fails() ? -1 : NEXT(fsync)(file); }
int ftruncate(int file, off_t size) { return counts_file(file) && fails() ? -1 : NEXT(ftruncate)(file, size); }
int mkdir(const char* path, mode_t mode) { return counts(path) && fails() ? -1 : NEXT(mkdir)(path, mode); }
int link(const char* from, const char* to) { return counts(to) && fails() ? -1 : NEXT(link)(from, to); }
int rename(const char* from, const char* to) { return counts(to) && fails() ? -1 : NEXT(rename)(from, to); }
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) {
  return counts(to) && fails() ? -1 : NEXT(renameat2)(a, from, b, to, flags);
}

// Removing needs no room and is tried on a disk with errors too: counted, so that the program can be killed there.
static void count_removal(bool counted) {
  if (counted && kind == kKill) fails();
  else if (counted) ++operations;
}
int unlink(const char* path) { return count_removal(counts(path)), NEXT(unlink)(path); }
int rmdir(const char* path) { return count_removal(counts(path)), NEXT(rmdir)(path); }
int unlinkat(int folder, const char* path, int flags) {
  return count_removal(folder == AT_FDCWD ? counts(path) : counts_file(folder)), NEXT(unlinkat)(folder, path, flags);
}

extern void* __libc_malloc(size_t size);
void* malloc(size_t size) {
  if (armed && atomic_fetch_add(&allocations, 1) + 1 == at && kind == kMalloc) {
    errno = ENOMEM;
    return NULL;
  }
  return __libc_malloc(size);
}
