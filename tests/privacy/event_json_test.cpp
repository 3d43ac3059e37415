#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "event_samples.h"

namespace sotto::privacy {
namespace {

std::string document(const std::string& event, const std::string& unit = R"({"kind":"record"})") {
  return R"({"sotto_events":1,"adjacency":"add-remove","unit":)" + unit + R"(,"event":)" + event + "}";
}
std::string canonical(const Event& event) {
  return to_json({.adjacency = Adjacency::add_remove, .unit = {}, .event = event});
}

void expect_refusal(const std::string& text, const std::vector<std::string>& parts) {
  SCOPED_TRACE(text.substr(0, 300));
  try {
    parse_events(text);
    ADD_FAILURE() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part << "\nin " << error.what();
  }
}

TEST(EventJson, EveryTypeHasItsDocumentedText) {
  const std::pair<Event, std::string> cases[] = {
      {NoOp{}, R"({"type":"no_op"})"},
      {NonPrivate{}, R"({"type":"non_private"})"},
      {Gaussian{1.1}, R"({"type":"gaussian","noise_multiplier":1.1})"},
      {PoissonSampled{0.01, {1}},
       R"({"type":"poisson_sampled","sampling_rate":0.01,"mechanism":{"type":"gaussian","noise_multiplier":1}})"},
      {WithoutReplacement{10, 1000, {1}},
       R"({"type":"without_replacement","batch_size":10,"dataset_size":1000,"mechanism":{"type":"gaussian","noise_multiplier":1}})"},
      {TruncatedPoisson{0.5, 1000, 40, {1}},
       R"({"type":"truncated_poisson","sampling_rate":0.5,"dataset_size":1000,"largest_batch":40,"mechanism":{"type":"gaussian","noise_multiplier":1}})"},
      {EpochOnce{10, {1}}, R"({"type":"epoch_once","epochs":10,"mechanism":{"type":"gaussian","noise_multiplier":1}})"},
      {MixtureOfGaussians{1, {0, 1}, {0.75, 0.25}},
       R"({"type":"mixture_of_gaussians","standard_deviation":1,"sensitivities":[0,1],"probabilities":[0.75,0.25]})"},
      {Laplace{2}, R"({"type":"laplace","noise_multiplier":2})"},
      {ApproxDp{1, 1e-6}, R"({"type":"approx_dp","epsilon":1,"delta":1e-06})"},
      {SampledDiscreteGaussian{0.01, 1.5},
       R"({"type":"sampled_discrete_gaussian","sampling_rate":0.01,"noise_multiplier":1.5})"},
      {SelfComposed(NoOp{}, kMaxCount),
       R"({"type":"self_composed","count":9007199254740992,"event":{"type":"no_op"}})"},
      {Composed{}, R"({"type":"composed","events":[]})"},
      {Composed{{NoOp{}, Laplace{2}}},
       R"({"type":"composed","events":[{"type":"no_op"},{"type":"laplace","noise_multiplier":2}]})"},
  };
  for (const auto& [event, text] : cases) {
    EXPECT_EQ(canonical(event), document(text));
    EXPECT_EQ(to_json(parse_events(document(text))), document(text));
  }
}

TEST(EventJson, AdjacencyAndUnitRoundTrip) {
  for (const Adjacency adjacency : {Adjacency::add_remove, Adjacency::zero_out, Adjacency::replace_one}) {
    for (const PrivacyUnit& unit :
         {PrivacyUnit{}, PrivacyUnit{PrivacyUnit::Kind::user}, PrivacyUnit{PrivacyUnit::Kind::group, 1},
          PrivacyUnit{PrivacyUnit::Kind::group, kLargestGroup}}) {
      const AccountedEvents back = parse_events(to_json({adjacency, unit, NoOp{}}));
      EXPECT_EQ(back.adjacency, adjacency);
      EXPECT_EQ(back.unit.kind, unit.kind);
      EXPECT_EQ(back.unit.size, unit.size);
    }
  }
  EXPECT_EQ(
      to_json({Adjacency::replace_one, {PrivacyUnit::Kind::group, 3}, NoOp{}}),
      R"({"sotto_events":1,"adjacency":"replace-one","unit":{"kind":"group","size":3},"event":{"type":"no_op"}})");
}

TEST(EventJson, NumbersComeBackBitForBit) {
  std::mt19937_64 random(11);
  std::vector<double> numbers = {0.0,
                                 -0.0,
                                 std::numeric_limits<double>::denorm_min(),
                                 std::numeric_limits<double>::max(),
                                 0.1,
                                 1e16,
                                 1e17,
                                 9007199254740993.0,
                                 1e22,
                                 1e23};
  while (numbers.size() < 20000) {
    const auto value = std::bit_cast<double>(random() >> 1);  // not negative
    if (std::isfinite(value)) numbers.push_back(value);
  }
  for (const double value : numbers) {
    const std::string text = canonical(Gaussian{value});
    const double back = std::get<Gaussian>(parse_events(text).event.variant()).noise_multiplier;
    EXPECT_EQ(std::bit_cast<uint64_t>(back), std::bit_cast<uint64_t>(value)) << text;
    EXPECT_EQ(canonical(Gaussian{back}), text);
  }
}

TEST(EventJson, KeyOrderAndWhiteSpaceAreNotPartOfTheMeaning) {
  EXPECT_EQ(to_json(parse_events("\n{\"event\": {\"mechanism\": {\"noise_multiplier\": 1.00, \"type\": \"gaussian\"},\t"
                                 "\"sampling_rate\": 1e-2, \"type\": \"poisson_sampled\"}, \"unit\": {\"kind\": "
                                 "\"record\"}, \"adjacency\": \"add-remove\", \"sotto_events\": 1}\r\n")),
            canonical(PoissonSampled{0.01, {1}}));
}

TEST(EventJson, GaussiansUnderOneSamplingAreReadAsOne) {
  // 1/4 + 1/4 + 2/16... : noise 2 twice and 4 four times: 1/4 + 1/4 + 4/16 = 3/4.
  const AccountedEvents events = parse_events(
      document(R"({"type":"poisson_sampled","sampling_rate":0.01,"mechanism":{"type":"composed","events":[)"
               R"({"type":"gaussian","noise_multiplier":2},{"type":"gaussian","noise_multiplier":2},)"
               R"({"type":"self_composed","count":4,"event":{"type":"gaussian","noise_multiplier":4}}]}})"));
  const double noise = std::get<PoissonSampled>(events.event.variant()).mechanism.noise_multiplier;
  const double exact = 1 / std::sqrt(0.75);
  EXPECT_LE(noise, exact);
  EXPECT_GE(noise, exact * (1 - 1e-13));
  const std::string text = to_json(events);
  EXPECT_EQ(to_json(parse_events(text)), text);
}

TEST(EventJson, DeepestEventRoundTripsAndOneMoreIsRefused) {
  for (const bool self : {false, true}) {
    Event event = PoissonSampled{0.01, {1}};
    for (int level = 0; level < kDeepestEvent; ++level)
      event = self ? Event(SelfComposed(event, 1)) : Event(Composed{{event}});
    const std::string text = canonical(event);
    EXPECT_EQ(to_json(parse_events(text)), text);
    const std::string inner =
        text.substr(std::string(document("")).size() - 1, text.size() - std::string(document("")).size());
    const std::string deeper = self ? R"({"type":"self_composed","count":1,"event":)" + inner + "}"
                                    : R"({"type":"composed","events":[)" + inner + "]}";
    expect_refusal(document(deeper), {"nested too deeply; allowed are 64 levels"});
  }
}

TEST(EventJson, HostileNestingIsRefusedWithoutRecursion) {
  for (const std::string& open :
       {std::string("["), std::string(R"({"a":)"), std::string(R"({"event":)"),
        std::string(R"({"type":"composed","events":[)"), std::string(R"({"type":"poisson_sampled","mechanism":)")}) {
    std::string text;
    while (text.size() + open.size() < kLargestEventsText) text += open;
    EXPECT_THROW(parse_events(text), UsageError) << open;
    EXPECT_THROW(parse_events(document(text.substr(0, 300000))), UsageError) << open;
  }
}

TEST(EventJson, RefusesWhatIsNotTheDocument) {
  const std::string good = document(R"({"type":"no_op"})");
  EXPECT_NO_THROW(parse_events(good));
  for (const std::string& text :
       {std::string(), std::string(" "), std::string("null"), std::string("1"), std::string("[]"), std::string("\"\""),
        std::string("{}"), std::string("{"), std::string(good, 0, good.size() - 1), good + "}", good + "x", good + good,
        good + std::string(1, '\0'), "//" + good, std::string("\xff\xfe")})
    EXPECT_THROW(parse_events(text), UsageError) << text;
  expect_refusal(good + " {}", {"[parse_events] not a JSON text at byte"});
  expect_refusal("[]", {"[parse_events] $: an array; allowed is an object"});
  expect_refusal(R"({"adjacency":"add-remove","unit":{"kind":"record"},"event":{"type":"no_op"}})",
                 {"$: missing key 'sotto_events'"});
  expect_refusal(R"({"sotto_events":1,"unit":{"kind":"record"},"event":{"type":"no_op"}})",
                 {"$: missing key 'adjacency'"});
  expect_refusal(R"({"sotto_events":1,"adjacency":"add-remove","event":{"type":"no_op"}})", {"$: missing key 'unit'"});
  expect_refusal(R"({"sotto_events":1,"adjacency":"add-remove","unit":{"kind":"record"}})", {"$: missing key 'event'"});
  for (const char* version : {"0", "2", "-1"})
    expect_refusal(R"({"sotto_events":)" + std::string(version) +
                       R"(,"adjacency":"add-remove","unit":{"kind":"record"},"event":{"type":"no_op"}})",
                   {"$.sotto_events: unknown version", version, "allowed is 1"});
  for (const char* version : {"1.0", "\"1\"", "true", "null"})
    expect_refusal(R"({"sotto_events":)" + std::string(version) +
                       R"(,"adjacency":"add-remove","unit":{"kind":"record"},"event":{"type":"no_op"}})",
                   {"$.sotto_events: ", "allowed is an integer in plain digits"});
  for (const char* adjacency : {"\"\"", "\"add_remove\"", "\"ADD-REMOVE\"", "\"substitute\""})
    expect_refusal(R"({"sotto_events":1,"adjacency":)" + std::string(adjacency) +
                       R"(,"unit":{"kind":"record"},"event":{"type":"no_op"}})",
                   {"$.adjacency: unknown adjacency", "add-remove, zero-out and replace-one"});
  expect_refusal(R"({"sotto_events":1,"adjacency":null,"unit":{"kind":"record"},"event":{"type":"no_op"}})",
                 {"$.adjacency: null; allowed is a string"});
}

TEST(EventJson, RefusesBadUnits) {
  const std::string no_op = R"({"type":"no_op"})";
  expect_refusal(document(no_op, R"("record")"), {"$.unit: a string; allowed is an object"});
  expect_refusal(document(no_op, R"({})"), {"$.unit: missing key 'kind'"});
  expect_refusal(document(no_op, R"({"kind":"household"})"), {"$.unit.kind: unknown unit 'household'"});
  expect_refusal(document(no_op, R"({"kind":"record","size":1})"), {"$.unit: unknown key 'size'; allowed are kind"});
  expect_refusal(document(no_op, R"({"kind":"group"})"), {"$.unit: missing key 'size'"});
  for (const char* size : {"0", "-1", "1001"})
    expect_refusal(document(no_op, R"({"kind":"group","size":)" + std::string(size) + "}"), {"$.unit: ", size, "1000"});
  expect_refusal(document(no_op, R"({"kind":"group","size":2.5})"), {"$.unit.size: a number", "integer"});
}

TEST(EventJson, RefusesBadEventsAndNamesThePlace) {
  expect_refusal(document("null"), {"$.event: null; allowed is an event"});
  expect_refusal(document("{}"), {"$.event: missing key 'type'; allowed are no_op"});
  expect_refusal(document(R"({"type":1})"), {"$.event.type: an integer"});
  expect_refusal(document(R"({"type":"gauss"})"), {"$.event.type: unknown type 'gauss'; allowed are no_op"});
  expect_refusal(document(R"({"type":"gaussian"})"), {"$.event: missing key 'noise_multiplier'"});
  expect_refusal(document(R"({"type":"gaussian","noise_multiplier":1,"sigma":1})"),
                 {"$.event: unknown key 'sigma'; allowed are type, noise_multiplier"});
  expect_refusal(document(R"({"type":"gaussian","noise_multiplier":"1"})"),
                 {"$.event.noise_multiplier: a string; allowed is a number"});
  expect_refusal(document(R"({"type":"gaussian","noise_multiplier":1,"noise_multiplier":2})"),
                 {"key 'noise_multiplier' twice"});
  expect_refusal(document(R"({"type":"gaussian","noise_multiplier":-1})"), {"$.event: ", "bad noise_multiplier: -1"});
  expect_refusal(
      document(
          R"({"type":"composed","events":[{"type":"no_op"},{"type":"self_composed","count":2,"event":)"
          R"({"type":"poisson_sampled","sampling_rate":256,"mechanism":{"type":"gaussian","noise_multiplier":1}}}]})"),
      {"$.event.events[1].event: ", "bad sampling_rate: 256", "a batch size?"});
  expect_refusal(
      document(R"({"type":"poisson_sampled","sampling_rate":0.1,"mechanism":{"type":"laplace","noise_multiplier":1}})"),
      {"$.event.mechanism: ", "allowed are gaussian"});
  expect_refusal(
      document(R"({"type":"poisson_sampled","sampling_rate":0.1,"mechanism":{"type":"composed","events":[]}})"),
      {"$.event.mechanism: ", "no gaussian"});
  expect_refusal(document(R"({"type":"composed","events":{}})"), {"$.event.events: an object; allowed is an array"});
  expect_refusal(
      document(
          R"({"type":"mixture_of_gaussians","standard_deviation":1,"sensitivities":[0,"1"],"probabilities":[0.5,0.5]})"),
      {"$.event.sensitivities[1]: a string"});
  expect_refusal(
      document(
          R"({"type":"mixture_of_gaussians","standard_deviation":1,"sensitivities":[0],"probabilities":[0.5,0.5]})"),
      {"$.event: ", "1 sensitivities and 2 probabilities"});
  for (const char* count : {"-1", "9007199254740993", "9223372036854775807"})
    expect_refusal(
        document(R"({"type":"self_composed","count":)" + std::string(count) + R"(,"event":{"type":"no_op"}})"),
        {"$.event: ", "bad count", count});
  for (const char* count : {"1.0", "1e3", "1.5", "9223372036854775808", "18446744073709551616", "true"})
    expect_refusal(
        document(R"({"type":"self_composed","count":)" + std::string(count) + R"(,"event":{"type":"no_op"}})"),
        {"$.event.count: ", "allowed is an integer in plain digits"});
}

TEST(EventJson, RefusesNumbersThatADoubleCannotHold) {
  for (const char* bad : {"NaN", "nan", "Infinity", "-Infinity", "inf", "+1", "0x1p3", ".5", "1.", "01", "1e", "1,5"})
    EXPECT_THROW(parse_events(document(R"({"type":"gaussian","noise_multiplier":)" + std::string(bad) + "}")),
                 UsageError)
        << bad;
  for (const char* large : {"1e309", "1e99999999999"})
    expect_refusal(document(R"({"type":"gaussian","noise_multiplier":)" + std::string(large) + "}"), {large});
  // A rate that is read as zero would be a release that costs nothing.
  for (const char* small : {"1e-400", "0.1e-99999999999", "1E-330"})
    expect_refusal(document(R"({"type":"poisson_sampled","sampling_rate":)" + std::string(small) +
                            R"(,"mechanism":{"type":"gaussian","noise_multiplier":1}})"),
                   {"number too small", small});
  for (const char* zero : {"0", "0.0", "0e5", "-0", "0.000e-999"})
    EXPECT_NO_THROW(parse_events(document(R"({"type":"gaussian","noise_multiplier":)" + std::string(zero) + "}")));
}

TEST(EventJson, RefusesTooLargeTextsAndObjects) {
  const std::string good = document(R"({"type":"no_op"})");
  EXPECT_NO_THROW(parse_events(good + std::string(kLargestEventsText - good.size(), ' ')));
  expect_refusal(good + std::string(kLargestEventsText - good.size() + 1, ' '), {"4194305 bytes; allowed are 4194304"});
  std::string keys = "{";
  for (int i = 0; i < 100000; ++i) keys += "\"k" + std::to_string(i) + "\":0,";
  expect_refusal(document(keys + "\"type\":\"no_op\"}"), {"object with more than"});
}

TEST(EventJson, ErrorsRepeatNoControlCharactersAndLittleText) {
  const std::string junk = "\\u001b[2J" + std::string(100000, 'a') + "\xc3\xa9";
  for (const std::string& text :
       {document(R"({"type":")" + junk + "\"}"), document(R"({")" + junk + R"(":1,"type":"no_op"})"),
        document(R"({"type":"no_op" )" + junk + "}"), document(R"({"type":")" + junk + "\x01\"}")}) {
    try {
      parse_events(text);
      ADD_FAILURE();
    } catch (const UsageError& error) {
      const std::string what = error.what();
      EXPECT_LT(what.size(), 600u);
      for (const char c : what) EXPECT_TRUE(c >= ' ' && c <= '~') << what;
    }
  }
}

TEST(EventJson, WritesNothingInvalid) {
  EXPECT_THROW(to_json({.adjacency = std::nullopt, .unit = {}, .event = NoOp{}}), UsageError);
  EXPECT_THROW(canonical(Gaussian{}), UsageError);
  EXPECT_THROW(to_json({Adjacency::add_remove, {PrivacyUnit::Kind::group, 0}, NoOp{}}), UsageError);
}

TEST(EventJson, FilesAreReadAndMissingOnesRefused) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "event_json_test.json";
  std::ofstream(path) << canonical(Laplace{2}) << "\n";
  EXPECT_EQ(to_json(read_events(path)), canonical(Laplace{2}));
  std::ofstream(path) << std::string(kLargestEventsText + 1, ' ');
  EXPECT_THROW(read_events(path), UsageError);
  std::filesystem::remove(path);
  EXPECT_THROW(read_events(path), UsageError);
  EXPECT_THROW(read_events(testing::TempDir()), UsageError);  // a folder
}

// Documents with a few bytes changed, cut, doubled or exchanged for pieces of the language: each is refused with a
// UsageError or read, and what is read has a canonical form that is a fixed point.
TEST(EventJson, MutatedDocumentsAreRefusedOrReadAndNeverCrash) {
  std::vector<std::string> seeds;
  Composed all;
  for (const EventSample& sample : event_samples()) {
    seeds.push_back(canonical(sample.event));
    all.events.push_back(SelfComposed(sample.event, 7));
  }
  seeds.push_back(canonical(all));
  seeds.push_back(canonical(SelfComposed(Composed{{all, all}}, 3)));
  const std::vector<std::string> pieces = {"{",
                                           "}",
                                           "[",
                                           "]",
                                           ",",
                                           ":",
                                           "\"",
                                           "\\",
                                           "0",
                                           "-",
                                           "e",
                                           ".",
                                           "1e400",
                                           "null",
                                           "true",
                                           "\"type\"",
                                           "\"event\"",
                                           "\"count\"",
                                           "{\"type\":\"composed\",\"events\":[",
                                           "-1",
                                           "9007199254740993",
                                           "\\u0000",
                                           std::string(1, '\0'),
                                           "\xff",
                                           "NaN"};
  std::mt19937_64 random(2026);
  int read = 0;
  for (int i = 0; i < 60000; ++i) {
    std::string text = seeds[random() % seeds.size()];
    for (uint64_t change = 1 + random() % 4; change > 0; --change) {
      const std::size_t at = random() % (text.size() + 1);
      const std::size_t length = std::min<std::size_t>(text.size() - at, random() % 12);
      switch (random() % 5) {
        case 0:
          if (at < text.size()) text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, length);
          break;
        case 2:
          text.insert(at, text.substr(at, length));
          break;
        case 3:
          text.insert(at, pieces[random() % pieces.size()]);
          break;
        default:
          if (at < text.size() && text[at] >= '0' && text[at] <= '9') text[at] = static_cast<char>('0' + random() % 10);
      }
    }
    try {
      const std::string once = to_json(parse_events(text));
      EXPECT_EQ(to_json(parse_events(once)), once) << text;
      ++read;
    } catch (const UsageError&) {
    }
  }
  EXPECT_GT(read, 1000);   // the mutations are not all hopeless
  EXPECT_LT(read, 50000);  // nor all harmless
}

}  // namespace
}  // namespace sotto::privacy
