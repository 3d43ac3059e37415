#include <fcntl.h>
#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/charge_stopwatch.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/ledger_text.h>
#include <sotto/privacy/ledger_time.h>
#include <sotto/privacy/secret_key.h>
#include <sotto/privacy/sha256.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

namespace sotto::privacy {
namespace {

// RFC 4122, version 4.
std::string random_run() {
  std::array<unsigned char, 16> bytes;
  detail::fill_from_entropy(bytes, ::getrandom);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}

std::string start_time() {
  return FixedLedgerTime::now().value_or(utc_now());
}

void check_sensitivity(double sensitivity) {
  if (!(sensitivity > 0) || !std::isfinite(sensitivity))
    throw UsageError(fmt::format("[Ledger] sensitivity: {}; must be finite and above 0", sensitivity));
}

void check_hash(const char* function, const std::string& sha256) {
  if (!is_sha256_hex(sha256))
    throw UsageError(
        fmt::format("[Ledger::{}] sha256: '{}'; must be 64 lower-case hexadecimal digits", function, sha256));
}

void check_keys(const LedgerKeys& keys) {
  for (const std::string& key : {keys.noise_key, keys.sampler_key})
    if (!is_sha256_hex(key))
      throw UsageError("[Ledger] key commitment: '" + key + "'; must be 64 lower-case hexadecimal digits");
}

// The locked descriptor of the file that `path` names now, not of one that was renamed away meanwhile.
void lock(int file, const std::filesystem::path& path) {
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      throw LedgerError("[Ledger] " + path.string() + " is held by another process; one run, one process");
    throw IoError("[Ledger] cannot lock " + path.string() + ": " + std::strerror(errno));
  }
  struct stat held = {};
  struct stat named = {};
  if (::fstat(file, &held) != 0 || ::stat(path.c_str(), &named) != 0 || held.st_ino != named.st_ino ||
      held.st_dev != named.st_dev)
    throw LedgerError("[Ledger] " + path.string() + " was replaced while it was opened; try again");
}

// Whether nothing can have been charged to it: a program ended while it wrote the header, or before its first step.
bool is_uncharged(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  constexpr std::string_view kStart = R"({"record":"header",)";
  if (text.find('\n') == std::string::npos)
    return std::string_view(text).starts_with(kStart) || kStart.starts_with(std::string_view(text));
  const LedgerContents found = parse_ledger(text, path.string());
  return found.last_step < 0 && found.evaluations_charged == 0 && !found.torn;
}

// Does nothing unless the file is a ledger, nothing was charged to it and nobody holds it.
void remove_uncharged(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return;
  try {
    lock(file, path);
    if (is_uncharged(path)) ::unlink(path.c_str());
  } catch (const Error&) {  // not ours to remove; creating it says why
  }
  ::close(file);
}

}  // namespace

Ledger::Ledger(std::filesystem::path path, int file) : path_(std::move(path)), file_(file) {}

Ledger::Ledger(Ledger&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      broken_(other.broken_),
      pending_(std::exchange(other.pending_, std::nullopt)),
      contents_(std::move(other.contents_)) {}

Ledger& Ledger::operator=(Ledger&& other) noexcept {
  if (this != &other) {
    close();
    path_ = std::move(other.path_);
    file_ = std::exchange(other.file_, -1);
    broken_ = other.broken_;
    pending_ = std::exchange(other.pending_, std::nullopt);
    contents_ = std::move(other.contents_);
  }
  return *this;
}

Ledger::~Ledger() {
  close();
}

void Ledger::close() noexcept {
  pending_.reset();  // waits for a flush that is under way
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

Ledger Ledger::create(const std::filesystem::path& path, LedgerHeader header, const LedgerKeys& keys) {
  check_keys(keys);
  validate(header);
  if (header.keys_are_secret != keys.secret)
    throw UsageError("[Ledger::create] keys_are_secret: differs between header and keys; must be the same");
  if (header.run.empty()) header.run = random_run();
  remove_uncharged(path);
  const int file = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0 && errno == EEXIST)
    throw LedgerError("[Ledger::create] " + path.string() + " exists; resume that run, or choose another file");
  if (file < 0) throw IoError("[Ledger::create] cannot create " + path.string() + ": " + std::strerror(errno));
  Ledger ledger(path, file);
  try {
    lock(file, path);
    ledger.append(ledger_text::header(header, ledger_text::kNoPrevious) + '\n');
    ledger.contents_ = read_ledger(path);
    ledger.begin_incarnation(keys, start_time());
    flush_folder_of(path);
  } catch (...) {
    ::unlink(path.c_str());  // nothing was charged to it
    throw;
  }
  return ledger;
}

Ledger Ledger::open(const std::filesystem::path& path, const LedgerKeys& keys) {
  check_keys(keys);
  const auto open_locked = [&] {
    const int file = ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
    if (file < 0)
      throw LedgerError("[Ledger::open] cannot open " + path.string() + ": " + std::strerror(errno) +
                        "; a run cannot be resumed without its ledger");
    Ledger ledger(path, file);
    lock(file, path);
    return ledger;
  };
  Ledger ledger = open_locked();
  LedgerContents found = read_ledger(path);
  const std::string now = start_time();
  ledger.check_incarnation(found, keys, now);
  if (found.torn) {
    // Replaced in one rename: at every instant the file charges a torn step, as torn or as recovered.
    std::ifstream stream(path, std::ios::binary);
    std::string content(static_cast<std::size_t>(found.intact_bytes), '\0');
    stream.read(content.data(), static_cast<std::streamsize>(content.size()));
    if (!stream) throw LedgerError("[Ledger::open] " + path.string() + " changed while it was read");
    std::string head = found.head_hash;
    std::int64_t step = found.last_step - static_cast<std::int64_t>(found.torn_releases.size());
    if (found.torn_evaluation) {
      const std::string line = ledger_text::evaluation_recovered(found.evaluations_charged, head);
      head = ledger_text::stated_hash(line);
      content += line + '\n';
    }
    for (const std::size_t release : found.torn_releases) {
      const std::string line = ledger_text::recovered(++step, release, head);
      head = ledger_text::stated_hash(line);
      content += line + '\n';
    }
    write_file_atomically(path, content);
    ledger = open_locked();
    found = read_ledger(path);
  }
  ledger.contents_ = std::move(found);
  ledger.begin_incarnation(keys, now);
  return ledger;
}

// Before anything is changed.
void Ledger::check_incarnation(const LedgerContents& found, const LedgerKeys& keys, const std::string& now) const {
  if (found.schema != 0 && found.schema != ledger_text::kSchema)
    throw LedgerError(fmt::format(
        "[Ledger::open] {} was begun by an earlier version of sotto (schema {}): it can be read and verified, and is "
        "continued by that version alone",
        path_.string(), found.schema));
  if (found.header.keys_are_secret != keys.secret)
    throw LedgerError(
        "[Ledger::open] keys: test keys and secret keys in one run; a run is private from its first step to "
        "its last, or NOT PRIVATE throughout");
  const bool used = std::any_of(found.incarnations.begin(), found.incarnations.end(), [&](const auto& earlier) {
    return earlier.noise_key == keys.noise_key || earlier.sampler_key == keys.sampler_key;
  });
  if (used && keys.secret)
    throw LedgerError("[Ledger::open] a key of an earlier incarnation is used again; noise drawn twice cancels");
  if (found.incarnations.empty()) return;
  if (now < found.incarnations.back().time)
    throw LedgerError(
        fmt::format("[Ledger::open] the clock says {}, and the last start of {} was at {}: one of the two is wrong. "
                    "Set the clock, or wait until then; nothing was changed",
                    now, path_.string(), found.incarnations.back().time));
}

void Ledger::begin_incarnation(const LedgerKeys& keys, const std::string& now) {
  const LedgerIncarnation incarnation{keys.noise_key, keys.sampler_key, now};
  append_line(ledger_text::incarnation(incarnation, static_cast<std::int64_t>(contents_.incarnations.size()) + 1,
                                       contents_.head_hash));
  contents_.incarnations.push_back(incarnation);
}

void Ledger::append_line(const std::string& line) {
  append(line + '\n');
  contents_.head_hash = ledger_text::stated_hash(line);
  ++contents_.records;
}

void Ledger::record_checkpoint(const LedgerCheckpoint& checkpoint) {
  check_hash("record_checkpoint", checkpoint.sha256);
  if (checkpoint.applied_steps < 0 || checkpoint.applied_steps > contents_.steps_charged())
    throw UsageError(fmt::format("[Ledger::record_checkpoint] applied_steps: {}; must be in [0, {}], the steps charged",
                                 checkpoint.applied_steps, contents_.steps_charged()));
  check_usable("record_checkpoint");
  const std::string after = contents_.head_hash;
  append_line(ledger_text::checkpoint(checkpoint, after));
  contents_.checkpoints.push_back({checkpoint.applied_steps, checkpoint.sha256, after});
}

void Ledger::record_certificate(const std::string& sha256) {
  check_hash("record_certificate", sha256);
  check_usable("record_certificate");
  const std::string after = contents_.head_hash;
  append_line(ledger_text::certificate(sha256, after));
  contents_.certificates.push_back({sha256, after});
}

std::int64_t Ledger::reserve_evaluation(std::string_view noise_key) {
  check_usable("reserve_evaluation");
  const std::optional<PlannedEvaluations>& planned = contents_.header.evaluations;
  if (noise_key != contents_.incarnations.back().noise_key)
    throw LedgerError("[Ledger::reserve_evaluation] noise_key: not the key that this incarnation announced");
  if (pending_)
    throw LedgerError(
        fmt::format("[Ledger::reserve_evaluation] the charge of step {} is on its way; one release is "
                    "charged at a time",
                    pending_->step));
  if (!planned) throw LedgerError("[Ledger::reserve_evaluation] no evaluation on private records is planned");
  if (contents_.evaluations_charged >= planned->count)
    throw BudgetExhausted(
        fmt::format("[Ledger::reserve_evaluation] all {} planned evaluations are charged", planned->count));
  const std::int64_t number = contents_.evaluations_charged + 1;
  charge_evaluation(contents_);  // first: whatever happens to the write, it may have been written
  append_line(ledger_text::evaluation(number, contents_.incarnations.size(), contents_.head_hash));
  return number;
}

void Ledger::check_usable(const char* function) const {
  if (file_ < 0 || broken_)
    throw LedgerError(
        fmt::format("[Ledger::{}] an earlier write to {} failed; resume the run first", function, path_.string()));
}

void Ledger::check_charge(std::int64_t step, const StepEvent& event, double sensitivity,
                          std::string_view noise_key) const {
  validate(event);
  check_sensitivity(sensitivity);
  check_usable("reserve");
  if (noise_key != contents_.incarnations.back().noise_key)
    throw LedgerError("[Ledger::reserve] noise_key: not the key that this incarnation announced");
  if (pending_) {
    if (step != pending_->step || !same_parameters(event, pending_->event) || sensitivity != pending_->sensitivity)
      throw LedgerError("[Ledger::reserve] step " + std::to_string(step) + ": the charge of step " +
                        std::to_string(pending_->step) + " is on its way; one step is charged at a time");
  } else if (contents_.steps_charged() >= contents_.header.steps) {
    throw BudgetExhausted(fmt::format("[Ledger::reserve] all {} planned steps are charged", contents_.header.steps));
  } else if (step < next_step() || step > kMaxCount) {
    throw LedgerError("[Ledger::reserve] step: " + std::to_string(step) + "; must be at least " +
                      std::to_string(next_step()) + " and at most 2^53, every step is charged once");
  }
}

void Ledger::begin_reserve(std::int64_t step, const StepEvent& event, double sensitivity, std::string_view noise_key) {
  check_charge(step, event, sensitivity, noise_key);
  if (!pending_) start_charge(step, event, sensitivity, std::launch::async);
}

void Ledger::reserve(std::int64_t step, const StepEvent& event, double sensitivity, std::string_view noise_key) {
  check_charge(step, event, sensitivity, noise_key);
  if (!pending_) start_charge(step, event, sensitivity, std::launch::deferred);
  const ChargeStopwatch::Lap waiting(&ChargeTime::waiting);
  const int reason = pending_->flushed.get();
  waiting.stop();
  pending_.reset();
  flushed(reason);
}

void Ledger::start_charge(std::int64_t step, const StepEvent& event, double sensitivity, std::launch when) {
  const ChargeStopwatch::Lap writing(&ChargeTime::writing);
  std::string lines, head = contents_.head_hash;
  std::int64_t added = 0;
  const auto add = [&](const std::string& line) {
    lines += line + '\n';
    head = ledger_text::stated_hash(line);
    ++added;
  };
  const LedgerRelease release{event, sensitivity};
  std::vector<LedgerRelease>& stated = contents_.releases;
  const auto found =
      std::ranges::find_if(stated, [&](const LedgerRelease& other) { return same_parameters(release, other); });
  const auto number = static_cast<std::size_t>(found - stated.begin());
  // Stated on a line of its own, so that a torn reserve is charged with the right parameters.
  if (found == stated.end()) add(ledger_text::release(release, number, head));
  add(ledger_text::reserve(step, number, contents_.incarnations.size(), head));
  write(lines);

  if (number == stated.size()) stated.push_back(release);
  charge_step(contents_, step, number);
  contents_.head_hash = std::move(head);
  contents_.records += added;
  const auto flush = [file = file_] { return ::fdatasync(file) == 0 ? 0 : errno; };
  std::future<int> flushed;
  try {
    flushed = std::async(when, flush);
  } catch (const std::system_error&) {  // no thread to be had: reserve() flushes itself
    flushed = std::async(std::launch::deferred, flush);
  }
  pending_ = Pending{step, event, sensitivity, std::move(flushed)};
  writing.stop();
}

void Ledger::write(const std::string& lines) {
  if (!write_fully(file_, lines)) {
    broken_ = true;
    throw IoError("[Ledger] cannot write " + path_.string() + ": " + std::strerror(errno) +
                  "; the step must not proceed");
  }
  contents_.intact_bytes += static_cast<std::int64_t>(lines.size());
}

void Ledger::flushed(int reason) {
  if (reason == 0) return;
  broken_ = true;
  throw IoError("[Ledger] cannot flush " + path_.string() + ": " + std::strerror(reason) +
                "; the step must not proceed");
}

void Ledger::append(const std::string& lines) {
  write(lines);
  flushed(::fdatasync(file_) == 0 ? 0 : errno);
}

}  // namespace sotto::privacy
