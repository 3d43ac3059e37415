// Preloaded into a program, it makes one of the program's system calls fail or end it: the one with the number in
// SOTTO_FAULT_AT, counted from 1 over the calls that have to do with files whose path holds SOTTO_FAULT_PATH. The kind
// of the fault is in SOTTO_FAULT_KIND:
//
//   kill-before   the process is killed, and the call never happens
//   kill-after    the call happens, and the process is killed
//   kill-part     of a write half the bytes are written, then the process is killed; other calls as kill-before
//   EIO, ENOSPC   the call fails with this error; of a write half the bytes are written first
//
// With SOTTO_FAULT_COUNT the number of calls is written to that file when the program ends.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

std::atomic<int> calls{0};
std::array<std::atomic<bool>, 1024> watched{};  // by descriptor

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

const char* setting(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? "" : text;
}

bool is_watched(const char* path) {
  const char* const part = setting("SOTTO_FAULT_PATH");
  return *part != '\0' && std::strstr(path, part) != nullptr;
}
bool is_watched(int file) {
  return file >= 0 && file < static_cast<int>(watched.size()) && watched[static_cast<std::size_t>(file)];
}

bool is_kind(const char* kind) {
  return std::strcmp(setting("SOTTO_FAULT_KIND"), kind) == 0;
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

// Counts a call and does what its fault is: `call` is the real one, `part` half of it where there is such a thing.
template <class Result, class Call, class Part>
Result counted(const Call& call, const Part& part) {
  if (++calls != std::atoi(setting("SOTTO_FAULT_AT"))) return call();
  if (is_kind("kill-before")) die();
  if (is_kind("kill-part")) {
    part();
    die();
  }
  if (is_kind("kill-after")) {
    call();
    die();
  }
  part();
  errno = is_kind("ENOSPC") ? ENOSPC : EIO;
  return Result{-1};
}

const auto kNothing = [] {};

struct Report {
  ~Report() {
    if (const char* const path = setting("SOTTO_FAULT_COUNT"); *path != '\0') {
      if (std::FILE* const file = std::fopen(path, "w")) {
        std::fprintf(file, "%d\n", calls.load());
        std::fclose(file);
      }
    }
  }
} report;

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  if (!is_watched(path)) return real(path, flags, mode);
  const int file = counted<int>([&] { return real(path, flags, mode); }, kNothing);
  if (file >= 0 && file < static_cast<int>(watched.size())) watched[static_cast<std::size_t>(file)] = true;
  return file;
}

int close(int file) {
  static const auto real = next<int (*)(int)>("close");
  if (!is_watched(file)) return real(file);
  watched[static_cast<std::size_t>(file)] = false;
  return counted<int>([&] { return real(file); }, [&] { real(file); });
}

ssize_t write(int file, const void* bytes, std::size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, std::size_t)>("write");
  if (!is_watched(file)) return real(file, bytes, size);
  return counted<ssize_t>([&] { return real(file, bytes, size); }, [&] { real(file, bytes, size / 2); });
}

int fdatasync(int file) {
  static const auto real = next<int (*)(int)>("fdatasync");
  if (!is_watched(file)) return real(file);
  return counted<int>([&] { return real(file); }, kNothing);
}

int fsync(int file) {
  static const auto real = next<int (*)(int)>("fsync");
  if (!is_watched(file)) return real(file);
  return counted<int>([&] { return real(file); }, kNothing);
}

int flock(int file, int operation) {
  static const auto real = next<int (*)(int, int)>("flock");
  if (!is_watched(file)) return real(file, operation);
  return counted<int>([&] { return real(file, operation); }, kNothing);
}

int rename(const char* from, const char* to) {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  if (!is_watched(from) && !is_watched(to)) return real(from, to);
  return counted<int>([&] { return real(from, to); }, kNothing);
}

int unlink(const char* path) {
  static const auto real = next<int (*)(const char*)>("unlink");
  if (!is_watched(path)) return real(path);
  return counted<int>([&] { return real(path); }, kNothing);
}

}  // extern "C"
