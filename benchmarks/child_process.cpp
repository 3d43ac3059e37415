#include <fmt/format.h>
#include <sotto/benchmarks/child_process.h>
#include <sotto/privacy/error.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>

namespace sotto::benchmarks {
namespace {

constexpr int kCannotStart = 127;

struct Pipe {
  Pipe() {
    if (::pipe(ends.data()) != 0) throw IoError(fmt::format("[bench] no pipe: {}", std::strerror(errno)));
  }
  ~Pipe() { close_reading(), close_writing(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_reading() { close(ends[0]); }
  void close_writing() { close(ends[1]); }

  std::array<int, 2> ends{-1, -1};

 private:
  static void close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

void write_all(int file, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(file, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) return;
    if (count > 0) done += static_cast<size_t>(count);
  }
}

std::string read_all(int file) {
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t count = ::read(file, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(part.data(), static_cast<size_t>(count));
  }
}

struct Ended {
  int status = 0;
  int64_t peak_bytes = 0;
};

Ended wait_for(pid_t child) {
  constexpr int64_t kKibi = 1024;
  Ended ended;
  rusage usage{};
  while (::wait4(child, &ended.status, 0, &usage) < 0)
    if (errno != EINTR) throw IoError(fmt::format("[bench] lost a child process: {}", std::strerror(errno)));
  ended.peak_bytes = usage.ru_maxrss * kKibi;
  return ended;
}

}  // namespace

ChildOutcome run_in_child(const std::function<std::string()>& work) {
  Pipe pipe;
  const pid_t child = ::fork();
  if (child < 0) throw IoError(fmt::format("[bench] no child process: {}", std::strerror(errno)));
  if (child == 0) {
    pipe.close_reading();
    int status = 0;
    std::string text;
    try {
      text = work();
    } catch (const std::exception& error) {
      status = 1;
      text = error.what();
    }
    write_all(pipe.ends[1], text);
    ::_exit(status);
  }
  pipe.close_writing();
  const std::string text = read_all(pipe.ends[0]);
  const Ended ended = wait_for(child);
  if (!WIFEXITED(ended.status))
    throw IoError(fmt::format("[bench] a measurement ended by signal {}", WTERMSIG(ended.status)));
  if (WEXITSTATUS(ended.status) != 0) return {.result = {}, .error = text, .peak_bytes = ended.peak_bytes};
  return {.result = text, .error = {}, .peak_bytes = ended.peak_bytes};
}

std::string output_of(const std::vector<std::string>& words) {
  std::vector<std::string> copies = words;
  std::vector<char*> pointers;
  pointers.reserve(copies.size() + 1);
  for (std::string& word : copies) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  Pipe pipe;
  const pid_t child = ::fork();
  if (child < 0) throw IoError(fmt::format("[bench] no child process: {}", std::strerror(errno)));
  if (child == 0) {
    ::dup2(pipe.ends[1], STDOUT_FILENO);
    pipe.close_reading();
    pipe.close_writing();
    ::execv(pointers[0], pointers.data());
    ::_exit(kCannotStart);
  }
  pipe.close_writing();
  std::string text = read_all(pipe.ends[0]);
  const Ended ended = wait_for(child);
  if (!WIFEXITED(ended.status) || WEXITSTATUS(ended.status) != 0)
    throw IoError(fmt::format("[bench] {} {} did not end with status 0", words[0], words.size() > 1 ? words[1] : ""));
  return text;
}

}  // namespace sotto::benchmarks
