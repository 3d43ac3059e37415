#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>
#include <sotto/privacy/privacy_odometer.h>

namespace sotto::privacy {
namespace {

Adjacency validated_adjacency(const AccountedEvents& events) {
  if (events.adjacency) return *events.adjacency;
  throw UsageError("[PrivacyOdometer] no adjacency; allowed are add_remove, zero_out and replace_one");
}

}  // namespace

PrivacyOdometer::PrivacyOdometer(const AccountedEvents& start, Method method)
    : adjacency_(validated_adjacency(start)), unit_(start.unit), method_(method) {
  add(start.event);
}

void PrivacyOdometer::add(const Event& event) {
  if (const auto reason = why_unsupported(method_, {adjacency_, unit_, event}))
    throw UsageError(
        fmt::format("[PrivacyOdometer] method {} cannot account for this release: {}", to_string(method_), *reason));
  PrivacyOdometer next = *this;
  next.count(event);
  *this = std::move(next);
}

void PrivacyOdometer::count(const Event& event) {
  if (std::holds_alternative<NoOp>(event.variant())) return;
  if (const auto* composed = std::get_if<Composed>(&event.variant())) {
    for (const Event& part : composed->events) count(part);
    return;
  }
  const auto* repeated = std::get_if<SelfComposed>(&event.variant());
  const Event& single = repeated != nullptr ? *repeated->event : event;
  const int64_t times = repeated != nullptr ? repeated->count : 1;
  if (times == 0) return;
  const std::string text = to_json({adjacency_, unit_, single});
  const auto place = places_.find(text);
  if (place != places_.end() && counts_[place->second].second <= kMaxCount - times) {
    counts_[place->second].second += times;
    return;
  }
  places_[text] = counts_.size();
  counts_.emplace_back(single, times);
}

AccountedEvents PrivacyOdometer::events() const {
  Composed composed;
  for (const auto& [event, count] : counts_) composed.events.emplace_back(SelfComposed(event, count));
  return {adjacency_, unit_, composed};
}

double PrivacyOdometer::epsilon(double delta) const {
  return make_accountant(method_, events())->epsilon(delta).upper;
}

}  // namespace sotto::privacy
