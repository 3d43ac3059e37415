#pragma once
// The write-ahead privacy ledger of a run: the file of ledger_contents.h, opened for charging.
//
// reserve() returns only after the record lies on the device, so a step whose noise was used is always charged; with
// begin_reserve() the way to the device overlaps the computation of the step. Nothing is ever removed. One process
// holds the ledger at a time (flock). A rollback of the whole folder cannot be seen from inside it: keep head_hash()
// elsewhere to detect that.

#include <sotto/privacy/ledger_contents.h>

#include <cstdint>
#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::privacy {

// Names of the keys that this start of the program drew: SecretKey::commitment() and is_secret() of each.
struct LedgerKeys {
  std::string noise_key;    // 64 hexadecimal digits
  std::string sampler_key;  // 64 hexadecimal digits
  bool secret = false;      // both come from the operating system
};

// Move-only; the lock is held as long as the object lives. After a failed write every further charge is refused.
class Ledger {
 public:
  // Starts the ledger of a new run. header.keys_are_secret must equal keys.secret.
  // Throws UsageError for a value outside its range, LedgerError when the file exists, IoError when it cannot be
  // written. An existing ledger to which nothing was charged, and that no process holds, is replaced: a program whose
  // model was refused can be mended and started again.
  static Ledger create(const std::filesystem::path& path, LedgerHeader header, const LedgerKeys& keys);
  // Continues a run with new keys. A torn last record is replaced by "recovered" records of what it charges
  // (read_ledger()), or removed where that is nothing.
  // Throws LedgerError when the ledger is missing, damaged, held by another process or of an earlier schema, when a
  // secret key was used by an earlier incarnation, when test keys and secret keys would be mixed, and when the clock is
  // behind that of the last start, all of which changes nothing; UsageError for a malformed commitment, IoError when it
  // cannot be written.
  static Ledger open(const std::filesystem::path& path, const LedgerKeys& keys);

  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&& other) noexcept;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();

  // Charges one step; call it before the noise of that step is drawn. `step` must exceed every step charged before: use
  // next_step() or larger. `noise_key` must be the commitment of the key that draws the noise.
  // Throws UsageError for invalid parameters, LedgerError for a wrong step or key and BudgetExhausted when all planned
  // steps are charged, all of which charges nothing, and IoError when the record did not reach the device: the step
  // must not proceed.
  void reserve(std::int64_t step, const StepEvent& event, double sensitivity, std::string_view noise_key);

  // Writes the same record and returns while it is on its way to the device. The step counts as spent from here on, but
  // its noise may only be drawn after reserve() with the same arguments, which waits, returned. Throws like reserve().
  void begin_reserve(std::int64_t step, const StepEvent& event, double sensitivity, std::string_view noise_key);

  // Charges one of the planned evaluations; call it before its noise is drawn, and draw that with `noise_key` alone.
  // Returns its number, counted from 1, when the record lies on the device. Throws LedgerError for another key, while a
  // step is on its way and where no evaluation is planned, BudgetExhausted when all of them are charged, all of which
  // charges nothing, and IoError when the record did not reach the device: nothing may be released then.
  std::int64_t reserve_evaluation(std::string_view noise_key);

  // To be called before a checkpoint takes its name: what a run goes on from is a file with one of these hashes.
  // Returns when the record lies on the device. Throws UsageError for a malformed hash and for more applied steps than
  // were charged, LedgerError after a failed write, IoError.
  void record_checkpoint(const LedgerCheckpoint& checkpoint);
  // The same for a certificate, which states head_hash() of before.
  void record_certificate(const std::string& sha256);

  bool charging() const { return pending_.has_value(); }  // between begin_reserve() and reserve()
  // The step to be charged next, or the one whose charge is on its way.
  std::int64_t next_step() const { return pending_ ? pending_->step : contents_.last_step + 1; }
  // Charges on their way included.
  const Phases& spent() const { return contents_.spent; }
  const std::string& head_hash() const { return contents_.head_hash; }
  const LedgerContents& contents() const { return contents_; }

 private:
  struct Pending {
    std::int64_t step;
    StepEvent event;
    double sensitivity;
    std::future<int> flushed;  // 0, or the errno of fdatasync
  };

  Ledger(std::filesystem::path path, int file);
  void check_charge(std::int64_t step, const StepEvent& event, double sensitivity, std::string_view noise_key) const;
  void start_charge(std::int64_t step, const StepEvent& event, double sensitivity, std::launch when);
  void write(const std::string& lines);
  void flushed(int reason);
  void append(const std::string& lines);
  void check_usable(const char* function) const;
  void check_incarnation(const LedgerContents& found, const LedgerKeys& keys, const std::string& now) const;
  void begin_incarnation(const LedgerKeys& keys, const std::string& now);
  void append_line(const std::string& line);
  void close() noexcept;

  std::filesystem::path path_;
  int file_ = -1;
  bool broken_ = false;  // a write or flush failed: what lies in the file is not known
  std::optional<Pending> pending_;
  LedgerContents contents_;
};

}  // namespace sotto::privacy
