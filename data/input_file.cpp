#include <fcntl.h>
#include <fmt/format.h>
#include <sotto/data/input_file.h>
#include <sotto/privacy/error.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

namespace sotto::data {
namespace {

constexpr std::uint64_t kLargestDeflateRatio = 1032;
constexpr int kGzipWindowBits = 15 + 16;  // zlib: the largest window, gzip header and check sum

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw DataError(fmt::format("[InputFile] {}: {}", path.string(), what));
}

}  // namespace

struct InputFile::State {
  std::filesystem::path path;
  int descriptor = -1;
  bool owned = true;
  std::uint64_t file_bytes = 0;
  bool at_end = false;  // of the descriptor; a terminal would be asked again
  bool gzip = false;
  bool stream_ended = false;
  z_stream stream{};
  std::size_t begun = 0;  // bytes at the front of `packed` that were read to tell a gzip file, and not given on yet
  std::array<std::uint8_t, 1 << 16> packed{};

  ~State() {
    if (gzip) inflateEnd(&stream);
    if (owned && descriptor >= 0) ::close(descriptor);
  }

  std::size_t read_file(std::uint8_t* to, std::size_t size) {
    std::size_t done = 0;
    while (done < size && !at_end) {
      const ssize_t got = ::read(descriptor, to + done, size - done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw IoError(fmt::format("[InputFile] cannot read {}: {}", path.string(), std::strerror(errno)));
      at_end = got == 0;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  // The first bytes of a plain file are in `packed`.
  std::size_t read_plain(std::span<std::uint8_t> buffer) {
    const std::size_t first = std::min(begun, buffer.size());
    std::copy_n(packed.begin(), first, buffer.begin());
    std::copy(packed.begin() + static_cast<std::ptrdiff_t>(first), packed.begin() + static_cast<std::ptrdiff_t>(begun),
              packed.begin());
    begun -= first;
    return first + read_file(buffer.data() + first, buffer.size() - first);
  }

  // Reads as much as tells whether it is gzip.
  void begin() {
    begun = read_file(packed.data(), 2);
    gzip = begun == 2 && packed[0] == 0x1f && packed[1] == 0x8b;
    if (!gzip) return;
    stream.next_in = packed.data();
    stream.avail_in = static_cast<uInt>(std::exchange(begun, 0));
    const int initialised = inflateInit2(&stream, kGzipWindowBits);
    if (initialised == Z_OK) return;
    gzip = false;
    throw InternalError(fmt::format("[InputFile] zlib cannot start: {}", zError(initialised)));
  }

  // False at the end of the file.
  bool refill() {
    if (stream.avail_in > 0) return true;
    stream.next_in = packed.data();
    stream.avail_in = static_cast<uInt>(read_file(packed.data(), packed.size()));
    return stream.avail_in > 0;
  }

  std::size_t unpack(std::span<std::uint8_t> buffer) {
    std::size_t done = 0;
    while (done < buffer.size() && !stream_ended) {
      if (!refill()) refuse(path, "the gzip stream is cut short; fetch the file again");
      const std::size_t room = std::min<std::size_t>(buffer.size() - done, 1U << 30);
      stream.next_out = buffer.data() + done;
      stream.avail_out = static_cast<uInt>(room);
      const int status = inflate(&stream, Z_NO_FLUSH);
      done += room - stream.avail_out;
      if (status == Z_STREAM_END) {
        stream_ended = true;
        if (refill()) refuse(path, "bytes follow the end of the gzip stream; exactly one stream is allowed");
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        refuse(path, fmt::format("the gzip stream is damaged ({}); fetch the file again",
                                 stream.msg != nullptr ? stream.msg : zError(status)));
      }
    }
    return done;
  }
};

InputFile::InputFile(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.path = path;
  // Non-blocking, so that a named pipe is refused below rather than waited for.
  state.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (state.descriptor < 0) refuse(path, fmt::format("cannot open the file: {}", std::strerror(errno)));
  struct stat status {};
  if (::fstat(state.descriptor, &status) != 0) refuse(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) refuse(path, "is a folder; a file is needed");
  if (!S_ISREG(status.st_mode)) refuse(path, "is a pipe or a device; a regular file is needed");
  state.file_bytes = static_cast<std::uint64_t>(status.st_size);

  state.begin();
}

InputFile::InputFile(StandardInput) : state_(std::make_unique<State>()) {
  state_->path = "standard input";
  state_->descriptor = STDIN_FILENO;
  state_->owned = false;
  state_->file_bytes = std::numeric_limits<std::uint64_t>::max();
  state_->begin();
}

InputFile::~InputFile() = default;

std::size_t InputFile::read(std::span<std::uint8_t> buffer) {
  return state_->gzip ? state_->unpack(buffer) : state_->read_plain(buffer);
}

std::uint64_t InputFile::max_content_bytes() const {
  const std::uint64_t known = std::numeric_limits<std::uint64_t>::max() / kLargestDeflateRatio;
  return state_->gzip && state_->file_bytes < known ? state_->file_bytes * kLargestDeflateRatio : state_->file_bytes;
}

std::string beginning_of(const std::filesystem::path& path, std::uint64_t most) {
  InputFile file(path);
  std::string text(std::min(file.max_content_bytes(), most), '\0');
  text.resize(file.read(std::span(reinterpret_cast<std::uint8_t*>(text.data()), text.size())));
  return text;
}

}  // namespace sotto::data
