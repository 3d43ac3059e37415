#pragma once
// Accounted events as JSON: one canonical text for each, for files, certificates and other programs.
//
//   {"sotto_events":1,"adjacency":"add-remove","unit":{"kind":"record"},"event":EVENT}
//
//   unit   {"kind":"record"}  {"kind":"user"}  {"kind":"group","size":3}
//   event  {"type":"no_op"}
//          {"type":"non_private"}
//          {"type":"gaussian","noise_multiplier":1.1}
//          {"type":"poisson_sampled","sampling_rate":0.01,"mechanism":EVENT}
//          {"type":"without_replacement","batch_size":10,"dataset_size":1000,"mechanism":EVENT}
//          {"type":"truncated_poisson","sampling_rate":0.01,"dataset_size":1000,"largest_batch":40,"mechanism":EVENT}
//          {"type":"epoch_once","epochs":10,"mechanism":EVENT}
//          {"type":"mixture_of_gaussians","standard_deviation":1,"sensitivities":[0,1],"probabilities":[0.9,0.1]}
//          {"type":"laplace","noise_multiplier":2}
//          {"type":"approx_dp","epsilon":1,"delta":1e-06}
//          {"type":"sampled_discrete_gaussian","sampling_rate":0.01,"noise_multiplier":1.1}
//          {"type":"self_composed","count":1000,"event":EVENT}
//          {"type":"composed","events":[EVENT,...]}
//
// The keys are those of event.h, with the meaning and the ranges stated there. A mechanism is a gaussian, or composed
// and self_composed of gaussians, which are read as their joint_gaussian(): all of them see the same batch. The text
// that is written has the keys in the order above, no white space, and the shortest decimals that read as the same
// doubles.

#include <sotto/privacy/accountant.h>

#include <string>
#include <string_view>

namespace sotto::privacy {

inline constexpr int kEventsSchema = 1;
// Longest text that is read, in bytes: some forty thousand events.
inline constexpr std::size_t kLargestEventsText = std::size_t{4} << 20;

// The canonical text, without a line feed. Throws UsageError when the events are invalid or have no adjacency.
std::string to_json(const AccountedEvents& events);

// Inverse of to_json: every number comes back bit for bit, and to_json(parse_events(text)) is the canonical form of
// `text`, which may have the keys in any order and white space. Throws UsageError that names the place
// ($.event.events[2]) and what is allowed there: for keys that are missing, unknown or there twice, values of the wrong
// type or range, counts that are not in plain digits, another schema, nesting deeper than kDeepestEvent, and all that
// strict_json.h refuses.
AccountedEvents parse_events(std::string_view text);

// parse_events of a file. UsageError when it cannot be read or is longer than kLargestEventsText.
AccountedEvents read_events(const std::string& path);

}  // namespace sotto::privacy
