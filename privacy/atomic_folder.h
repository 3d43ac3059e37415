#pragma once
// A folder of several files that appears under its name whole or not at all.
//
//   AtomicFolder made("runs/adapter");
//   write_file_atomically(made.path() / "config.json", text);
//   made.publish();

#include <filesystem>

namespace sotto::privacy {

class AtomicFolder {
 public:
  // Makes TARGET.part.PID beside `target`, to be filled, and the folders above. Throws UsageError when there is
  // anything under the name already, IoError when the folder cannot be made.
  explicit AtomicFolder(const std::filesystem::path& target);
  // Removes what was not published. A process that is killed leaves TARGET.part.PID.
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Gives the folder its name and flushes that to the device; its files must have been flushed, as
  // write_file_atomically() does. Throws IoError, also when something has taken the name meanwhile, and the name stands
  // for what it stood for before; once. On a file system that cannot rename without replacing, an empty folder that
  // takes the name within the same instant is replaced.
  void publish();

 private:
  std::filesystem::path target_, path_;
  bool published_ = false;
};

}  // namespace sotto::privacy
