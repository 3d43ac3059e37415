#pragma once
// Writing files so that a crash, a full disk or a signal leaves either the old file or the new one, never a part of
// one.

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace sotto::privacy {

// Writes `content` to a temporary file beside `path`, flushes it to the device, renames it over `path` and flushes the
// folder. Throws IoError (with the system's reason) and removes the temporary file when any of these fails. A link is
// followed; a folder, a device, a pipe or a broken link is refused: the rename would take its place.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// What is to be done once the content lies on the device, and before the file takes its name; when it throws, the old
// file stays. `sha256` is that of the content.
using BeforeRename = std::function<void(const std::string& sha256)>;

// The same for content in pieces, written one after the other: nobody has to join a large model in memory first.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces,
                           const BeforeRename& before_rename = {});

// Writes all of `content` to an open file, going on after interruptions. Returns false, with errno set, when it cannot.
bool write_fully(int file, std::string_view content);

// Flushes the folder that holds `path`, so that a file created or renamed there is found after a crash. Throws IoError.
void flush_folder_of(const std::filesystem::path& path);

}  // namespace sotto::privacy
