#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/html_report.h>
#include <sotto/tools/html_text.h>

#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "../support/scratch_folder.h"
#include "report_sample.h"

namespace sotto::tools {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::sample_not_private;
using testing::sample_report;

HtmlReport with_adaptive_clipping() {
  HtmlReport report = sample_report();
  privacy::Certificate& c = *report.certificate;
  c.weight_rule = "adaptive";
  c.weight_rule_parameters = {{"clip_norm", 0.1}, {"count_noise", 102.4}, {"quantile", 0.5}, {"rate", 0.2}};
  c.weight_rule_bound = 1;
  c.adaptive_clipping = privacy::CertifiedAdaptiveClipping{1.8084, 102.4};
  double clip_norm = 0.1;
  for (LearningPoint& point : report.learning_curve) point.clip_norm = clip_norm *= 1.5;
  return report;
}

std::vector<HtmlReport> all_kinds() {
  HtmlReport none = sample_not_private();
  none.not_private = "--rule none";
  none.certificate.reset();
  HtmlReport group = sample_report();
  group.certificate->group = "all texts of one author";
  HtmlReport bare = sample_report();
  bare.learning_curve.clear();
  bare.epsilon_curve.clear();
  bare.files.clear();
  bare.trained_parameters = 0;
  return {sample_report(),         sample_report(400), sample_report(0), sample_not_private(), none, group, bare,
          with_adaptive_clipping()};
}

// Tags in order, each closed by its own name; no other use of <, no bare &; attributes between double quotes. Style and
// script hold neither < nor & (html_page_test), so that HTML and XML read the page alike.
void expect_well_formed(const std::string& page) {
  const std::string text = page.substr(page.find('\n') + 1);  // after the document type
  const std::regex tag("<(/?)([a-z][a-z0-9]*)((?: [a-zA-Z][a-zA-Z0-9:-]*=\"[^\"<]*\")*)(/?)>");
  const std::regex reference("&(?:amp|lt|gt|quot|#[0-9]+);");
  std::vector<std::string> open;
  for (std::size_t at = 0; at < text.size();) {
    std::smatch found;
    const auto from = text.begin() + static_cast<std::ptrdiff_t>(at);
    if (text[at] == '&') {
      ASSERT_TRUE(std::regex_search(from, text.end(), found, reference, std::regex_constants::match_continuous))
          << text.substr(at, 60);
      at += found[0].str().size();
    } else if (text[at] == '<') {
      ASSERT_TRUE(std::regex_search(from, text.end(), found, tag, std::regex_constants::match_continuous))
          << text.substr(at, 200);
      at += found[0].str().size();
      if (found[1] == "/") {
        ASSERT_FALSE(open.empty());
        ASSERT_EQ(open.back(), found[2]);
        open.pop_back();
      } else if (found[4] != "/") {
        open.push_back(found[2]);
      }
    } else {
      ASSERT_TRUE(!open.empty() || text[at] == '\n') << text.substr(at, 60);
      ++at;
    }
  }
  EXPECT_TRUE(open.empty());
}

TEST(HtmlReport, IsWellFormed) {
  for (const HtmlReport& report : all_kinds()) expect_well_formed(to_html(report));
}

TEST(HtmlReport, RefersToNothingOutsideOfItself) {
  for (const HtmlReport& report : all_kinds()) {
    const std::string page = to_html(report);
    EXPECT_THAT(page, Not(HasSubstr("http:")));
    EXPECT_THAT(page, Not(HasSubstr("https:")));
    EXPECT_THAT(page,
                Not(ContainsRegex("(src|href|srcset|action|background|poster|xlink)=|url\\(|@import|<(link|img|iframe|"
                                  "object|embed|base|form)[ >]")));
  }
}

TEST(HtmlReport, TextsOfOthersAreNoMarkup) {
  const std::string hostile =
      "</td></p></title><script>alert(\"1\")</script> & 'x'\n<img src=\"https://example.org/x\">";
  HtmlReport report = sample_report();
  report.name = report.command = hostile;
  report.certificate->group = report.certificate->input_scaling = report.certificate->not_covered[0] = hostile;
  report.certificate->weight_rule_parameters = {{hostile, 1.0}};
  report.files[0].name = hostile;
  report.private_metrics = {{hostile, 0.5}};
  report.learning_curve[3].metrics.push_back({hostile, 0.5});
  HtmlReport not_private = sample_not_private();
  not_private.certificate->not_private = hostile;
  for (const HtmlReport& one : {report, not_private}) {
    const std::string page = to_html(one);
    expect_well_formed(page);
    EXPECT_THAT(page, Not(HasSubstr("<img")));
    EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
    EXPECT_THAT(page, HasSubstr(html_escaped(hostile)));
  }
}

TEST(HtmlReport, EveryValueOfTheCertificateIsInItsText) {
  for (const HtmlReport& report : {sample_report(), sample_report(400)}) {
    const std::string page = to_html(report);
    const std::string json = privacy::to_json(*report.certificate);
    const auto flat = nlohmann::json::parse(json).flatten();
    for (const auto& [pointer, value] : flat.items()) {
      std::string path = pointer.substr(1);
      for (char& c : path)
        if (c == '/') c = '.';
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      if (!value.is_string()) {
        ASSERT_THAT(json, HasSubstr(": " + text)) << "not the text of the file";
      }
      EXPECT_THAT(page, HasSubstr(" data-field=\"" + path + "\">" + html_escaped(text) + "</"));
    }
  }
}

TEST(HtmlReport, NotPrivateShowsNoEpsilon) {
  HtmlReport none = sample_not_private();
  none.not_private = "--rule none trains without noise";
  none.certificate.reset();
  for (HtmlReport report : {sample_not_private(), none}) {
    report.epsilon_curve = sample_report().epsilon_curve;
    for (LearningPoint& point : report.learning_curve) point.epsilon_spent = 2.3456;
    report.private_metrics = {{"accuracy", 0.5}};
    const std::string page = to_html(report);
    EXPECT_THAT(page, Not(ContainsRegex("[eE]psilon|\u03b5|\u03f5|&#949;")));
    EXPECT_THAT(page, Not(ContainsRegex("[dD]elta|1e-05")));
    EXPECT_THAT(page, Not(HasSubstr("differentially")));
    for (const double figure : {2.3456, testing::certified(testing::sample_ledger(), 1172)})
      EXPECT_THAT(page, Not(HasSubstr(privacy::certificate_text::rounded_up(figure))));
  }
}

TEST(HtmlReport, NotPrivateIsSaidFirstWithItsReason) {
  HtmlReport none = sample_not_private();
  none.not_private = "a reason & <another>";
  none.certificate.reset();
  HtmlReport stamped = sample_not_private();
  stamped.certificate->not_private = *none.not_private;
  for (const HtmlReport& report : {none, stamped}) {
    const std::string page = to_html(report);
    EXPECT_THAT(page, HasSubstr("<title>NOT PRIVATE: "));
    const std::string body = page.substr(page.find("<body>"));
    const std::size_t banner = body.find("<div class=\"banner\" role=\"alert\">");
    ASSERT_NE(banner, std::string::npos);
    EXPECT_LT(banner, body.find("<h1>"));
    EXPECT_THAT(body.substr(banner, 200), HasSubstr(">NOT PRIVATE: a reason &amp; &lt;another&gt;</strong>"));
  }
  EXPECT_THAT(to_html(sample_report()), Not(HasSubstr("NOT PRIVATE")));
}

TEST(HtmlReport, AFieldThatNobodyKnowsIsNotShownOfARunThatIsNotPrivate) {
  HtmlReport report = sample_not_private();
  const std::string page = to_html(report);
  const std::regex field("data-field=\"([^\"]*)\"");
  const std::set<std::string> allowed = {"schema",
                                         "sotto_version",
                                         "private",
                                         "stamp",
                                         "statement",
                                         "adjacency",
                                         "unit",
                                         "sampler",
                                         "accountant.name",
                                         "accountant.version",
                                         "mechanism",
                                         "noise_multiplier",
                                         "sampling_rate",
                                         "dataset_size_declared",
                                         "expected_batch_size",
                                         "clip_norm",
                                         "weight_rule.name",
                                         "weight_rule.parameters.clip_norm",
                                         "weight_rule.parameters.r",
                                         "weight_rule.bound",
                                         "planned.steps",
                                         "executed.steps",
                                         "input_scaling",
                                         "run",
                                         "files.config.toml",
                                         "ledger.records",
                                         "ledger.head_hash"};
  for (std::sregex_iterator i(page.begin(), page.end(), field), end; i != end; ++i)
    EXPECT_TRUE(allowed.contains((*i)[1])) << (*i)[1];
}

TEST(HtmlReport, MetricsSayWhichRecordsTheyAreOf) {
  HtmlReport report = sample_report();
  EXPECT_THAT(to_html(report),
              HasSubstr("0.8608</dd><dd class=\"small\"><span class=\"stamp public\">on public test records"));
  EXPECT_THAT(to_html(report), Not(HasSubstr("NOT COVERED")));
  report.private_metrics = {{"accuracy", 0.9012}};
  EXPECT_THAT(to_html(report),
              HasSubstr("0.9012</dd><dd class=\"small\"><span class=\"stamp\">NOT COVERED by the guarantee</span>"));
}

TEST(HtmlReport, ClipNormThatMovedIsShownAsReleased) {
  const std::string page = to_html(with_adaptive_clipping());
  EXPECT_THAT(page, HasSubstr("Clip norm over the steps"));
  EXPECT_THAT(page, HasSubstr("telling it costs nothing more"));
  EXPECT_THAT(page, HasSubstr("The clip norm is 0.15 after step 117 and 5.7665 after step 1172"));
  EXPECT_THAT(page, HasSubstr("in units of the clip norm of the step"));
  EXPECT_THAT(page, HasSubstr("noise of the count of records below the clip norm"));
  EXPECT_THAT(to_html(sample_report()), Not(HasSubstr("Clip norm over the steps")));
}

TEST(HtmlReport, NoiseIsCalledByItsLaw) {
  HtmlReport report = sample_report();
  EXPECT_THAT(to_html(report), HasSubstr("plus normal noise"));
  privacy::Certificate& c = *report.certificate;
  c.lattice = privacy::LatticeNoise{100, 400};
  c.noise_multiplier = privacy::lattice_step(1, *c.lattice).mechanism.noise_multiplier;
  EXPECT_THAT(to_html(report), HasSubstr("plus discrete Gaussian noise"));
  EXPECT_THAT(to_html(report), Not(HasSubstr("plus normal noise")));
}

TEST(HtmlReport, OfARunThatEndedByItselfTheExecutedFigureMayNotBeQuoted) {
  HtmlReport report = sample_report(400);
  report.certificate->evaluations = privacy::CertifiedEvaluations{10, 4, 200, 4.5};
  report.certificate->stopped_after_evaluations = 2;
  EXPECT_THAT(to_html(report), ContainsRegex("which may not be quoted; it is valid <span "
                                             "data-field=\"executed.valid_only_if\">never"));
}

TEST(HtmlReport, OfAStoppedRunSaysWhenItsFigureMayBeQuoted) {
  EXPECT_THAT(to_html(sample_report(400)),
              ContainsRegex("which may be quoted only if <span "
                            "data-field=\"executed.valid_only_if\">the stopping time did not"));
  EXPECT_THAT(to_html(sample_report(400)), HasSubstr("planned, not executed"));
  EXPECT_THAT(to_html(sample_report()), Not(HasSubstr("planned, not executed")));
}

TEST(HtmlReport, NoiseIsThatOfTheCertificate) {
  // 1.80831 * 0.1 / 2048 = 8.8296...e-5; times sqrt(26010) = 161.276: 0.0142400...; over 0.1: 0.1424
  const std::string page = to_html(sample_report());
  EXPECT_THAT(page, ContainsRegex("= 8.83e-05</td>"));
  EXPECT_THAT(page, HasSubstr("= 0.01424</td>"));
  EXPECT_THAT(page, HasSubstr("= 0.1424</td>"));
}

TEST(HtmlReport, RefusesToContradictItself) {
  const auto refuses = [](const std::string& words, const std::function<void(HtmlReport&)>& spoil,
                          HtmlReport report = sample_report(400)) {
    EXPECT_NO_THROW(validate(report));
    spoil(report);
    try {
      to_html(report);
      ADD_FAILURE() << "accepted: " << words;
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  };
  refuses("name", [](HtmlReport& r) { r.name.clear(); });
  refuses("command", [](HtmlReport& r) { r.command.clear(); });
  refuses("no certificate", [](HtmlReport& r) { r.certificate.reset(); });
  refuses("not_private: empty", [](HtmlReport& r) { r.not_private = ""; });
  refuses("the certificate says nothing", [](HtmlReport& r) { r.not_private = "a reason"; });
  refuses(
      "the certificate says 'the seed", [](HtmlReport& r) { r.not_private = "another"; }, sample_not_private());
  refuses("planned_steps", [](HtmlReport& r) { r.planned_steps = 1171; });
  refuses("clip_norm", [](HtmlReport& r) { r.certificate->clip_norm = -1; });
  refuses("trained_parameters", [](HtmlReport& r) { r.trained_parameters = -1; });
  refuses("steps must grow", [](HtmlReport& r) { r.learning_curve[1].step = r.learning_curve[0].step; });
  refuses("steps must grow", [](HtmlReport& r) { r.learning_curve.back().step = 1173; });
  refuses("says NOT PRIVATE", [](HtmlReport& r) { r.learning_curve[0].not_private = "a reason"; });
  refuses("epsilon_spent", [](HtmlReport& r) { r.learning_curve[0].epsilon_spent = -1; });
  refuses("finite value",
          [](HtmlReport& r) { r.learning_curve[0].metrics[0].value = std::numeric_limits<double>::quiet_NaN(); });
  refuses("finite value", [](HtmlReport& r) {
    r.private_metrics = {{"loss", std::numeric_limits<double>::infinity()}};
  });
  refuses("neither may fall", [](HtmlReport& r) { std::swap(r.epsilon_curve[0], r.epsilon_curve[1]); });
  refuses("the certificate says", [](HtmlReport& r) { r.epsilon_curve.back().epsilon += 0.01; });
  refuses("the certificate says 400 steps", [](HtmlReport& r) { r.epsilon_curve.back().executed = true; });
  refuses("end at the planned", [](HtmlReport& r) { r.epsilon_curve.pop_back(); });
  refuses("point at the executed", [](HtmlReport& r) {
    std::erase_if(r.epsilon_curve, [](const EpsilonPoint& point) { return point.step == 400; });
  });
  refuses("hexadecimal", [](HtmlReport& r) { r.files[0].sha256.pop_back(); });
  refuses("must have a name", [](HtmlReport& r) { r.files[0].name.clear(); });
}

TEST(HtmlReport, IsWrittenAsAFile) {
  const sotto::testing::ScratchFolder folder;
  const HtmlReport report = sample_report();
  write_html_report(folder.path() / "report.html", report);
  EXPECT_EQ(file_text(folder.path() / "report.html"), to_html(report));
  EXPECT_THROW(write_html_report(folder.path() / "none" / "report.html", report), IoError);
}

}  // namespace
}  // namespace sotto::tools
