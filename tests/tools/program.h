#pragma once
// Runs the real program and keeps what it prints.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "../support/file_content.h"
#include "../support/scratch_folder.h"

namespace sotto::tools::testing {

using sotto::testing::content;

using Words = std::vector<std::string>;

inline Words operator+(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// `words` with flags and their values, where one that is there already gets the new value.
inline Words with_flags(Words words, const Words& flags) {
  for (size_t i = 0; i < flags.size(); ++i) {
    const bool has_value = i + 1 < flags.size() && !flags[i + 1].starts_with("--");
    const auto found = std::find(words.begin(), words.end(), flags[i]);
    if (has_value && found != words.end()) {
      *(found + 1) = flags[++i];
    } else {
      words.push_back(flags[i]);
      if (has_value) words.push_back(flags[++i]);
    }
  }
  return words;
}

struct Outcome {
  int exit_code = -1;  // -1: ended by a signal
  std::string out, err;
};

class Program {
 public:
  // Starts `sotto` with these arguments; `prepare` runs in the child before.
  explicit Program(const Words& arguments, const std::function<void()>& prepare = {}) {
    Words words = arguments;
    words.insert(words.begin(), SOTTO_PROGRAM);
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const std::string out = (files_.path() / "out").string(), err = (files_.path() / "err").string();
    child_ = ::fork();
    if (child_ != 0) return;
    ::dup2(::open(out.c_str(), O_CREAT | O_WRONLY, 0600), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_CREAT | O_WRONLY, 0600), STDERR_FILENO);
    if (prepare) prepare();
    ::execv(SOTTO_PROGRAM, pointers.data());
    ::_exit(127);
  }
  ~Program() {
    if (child_ > 0) ::kill(child_, SIGKILL), finish();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Waits until `ready` and then sends the signal; false when that did not happen within a minute.
  bool signal_when(const std::function<bool()>& ready, int signal) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!ready()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return ::kill(child_, signal) == 0;
  }

  // What it has printed so far.
  std::string out() const { return content(files_.path() / "out"); }
  std::string err() const { return content(files_.path() / "err"); }

  Outcome finish() {
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, content(files_.path() / "out"),
            content(files_.path() / "err")};
  }

 private:
  sotto::testing::ScratchFolder files_;
  pid_t child_ = -1;
};

inline Outcome run(const Words& arguments, const std::function<void()>& prepare = {}) {
  return Program(arguments, prepare).finish();
}

}  // namespace sotto::tools::testing
