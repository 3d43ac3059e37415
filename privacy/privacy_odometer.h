#pragma once
// The privacy that has been spent so far.
//
// The odometer adds up releases whose parameters - noise, sampling, their order and their number - are fixed in
// advance; what they release may depend on earlier results. Its epsilon after n releases is a guarantee for a run that
// was to make n releases from the start. Looking at it and stopping because of what was released is another thing: an
// epsilon read at a time that depends on the results is no guarantee (what can be guaranteed is the whole schedule, or
// the budget of an RdpFilter), and neither is one for parameters that depend on them. A report that quotes a running
// epsilon says so.

#include <sotto/privacy/accountant.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace sotto::privacy {

// A value; one thread at a time may change it.
class PrivacyOdometer {
 public:
  // `start`: what was spent before, with adjacency and unit. UsageError when it is invalid or `method` does not support
  // the adjacency or the unit.
  PrivacyOdometer(const AccountedEvents& start, Method method);

  // One more release, or as many as a SelfComposed says. UsageError when it is invalid, or the method does not support
  // it under the adjacency and the unit; nothing is then added.
  void add(const Event& event);

  Method method() const { return method_; }
  // Everything added, equal releases counted and not repeated.
  AccountedEvents events() const;
  // Upper bound at 0 < delta < 1, by one evaluation of the method. UsageError when the method does not support an
  // event.
  double epsilon(double delta) const;

 private:
  void count(const Event& event);

  Adjacency adjacency_;
  PrivacyUnit unit_;
  Method method_;
  std::vector<std::pair<Event, int64_t>> counts_;
  std::map<std::string, std::size_t> places_;  // in counts_, by canonical text
};

}  // namespace sotto::privacy
