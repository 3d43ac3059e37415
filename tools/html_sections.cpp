#include <fmt/format.h>
#include <sotto/tools/html_sections.h>
#include <sotto/tools/html_text.h>
#include <sotto/tools/noise_ratio.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sotto::tools {
namespace {

constexpr std::string_view kStamp = "NOT PRIVATE: ";

// Known to claim no privacy: what a run that is NOT PRIVATE may show of its certificate. A prefix ends with a full
// stop.
constexpr std::array<std::string_view, 26> kClaimless = {"schema",
                                                         "sotto_version",
                                                         "private",
                                                         "stamp",
                                                         "statement",
                                                         "adjacency",
                                                         "unit",
                                                         "group",
                                                         "sampler",
                                                         "accountant.",
                                                         "mechanism",
                                                         "noise_multiplier",
                                                         "squared_norm",
                                                         "variance",
                                                         "sampling_rate",
                                                         "expected_batch_size",
                                                         "dataset_size_declared",
                                                         "clip_norm",
                                                         "weight_rule.",
                                                         "adaptive_clipping.",
                                                         "planned.steps",
                                                         "executed.steps",
                                                         "input_scaling",
                                                         "run",
                                                         "files.",
                                                         "ledger."};

constexpr std::array<std::pair<std::string_view, std::string_view>, 47> kLabels = {{
    {"schema", "form of the certificate"},
    {"sotto_version", "version of sotto"},
    {"run", "identifier of the run"},
    {"private", "private"},
    {"stamp", "stamp"},
    {"statement", "statement"},
    {"adjacency", "neighbours differ by"},
    {"unit", "unit of privacy"},
    {"group", "a group is"},
    {"sampler", "sampler"},
    {"accountant.name", "accountant"},
    {"accountant.version", "version of the accountant"},
    {"mechanism", "law of the noise"},
    {"noise_multiplier", "noise multiplier"},
    {"squared_norm", "largest squared norm of a record's integers"},
    {"variance", "variance parameter of the discrete noise"},
    {"sampling_rate", "sampling rate"},
    {"dataset_size_declared", "declared size of the data set"},
    {"expected_batch_size", "expected batch size"},
    {"clip_norm", "clip norm (of the rule adaptive, of the first step)"},
    {"weight_rule.name", "weight rule"},
    {"weight_rule.bound", "largest norm of one contribution"},
    {"adaptive_clipping.gradient_noise_multiplier", "noise of the sum of gradients, in clip norms"},
    {"adaptive_clipping.count_noise", "noise of the count of records below the clip norm"},
    {"planned.steps", "steps, planned"},
    {"planned.epsilon", "epsilon, planned steps"},
    {"planned.delta", "delta, planned steps"},
    {"executed.steps", "steps, executed"},
    {"executed.epsilon", "epsilon, executed steps"},
    {"executed.delta", "delta, executed steps"},
    {"executed.valid_only_if", "executed figure valid only if"},
    {"evaluations.planned", "evaluations on private records, planned"},
    {"evaluations.executed", "evaluations on private records, charged"},
    {"evaluations.noise_multiplier", "noise of their sums"},
    {"evaluations.largest_loss", "largest loss that counts in them"},
    {"stopped_after_evaluations", "evaluations without anything better, after which the run ended by itself"},
    {"selection.law", "number of runs it is the best of: law"},
    {"selection.mean", "that law's mean"},
    {"selection.eta", "that law's eta"},
    {"selection.gamma", "that law's gamma"},
    {"selection.candidates", "settings that were chosen from"},
    {"selection.score", "best in"},
    {"input_scaling", "how records were scaled"},
    {"randomness.noise_generator", "noise generator"},
    {"randomness.key_source", "source of keys"},
    {"ledger.records", "records in the ledger before the certificate's"},
    {"ledger.head_hash", "hash of the last one before the certificate's"},
}};

std::string label(const std::string& path) {
  const auto* known = std::ranges::find(kLabels, path, &std::pair<std::string_view, std::string_view>::first);
  if (known != kLabels.end()) return std::string(known->second);
  std::string text;
  for (const char c : path) {
    if (c == '.')
      text += ", ";
    else
      text += c == '_' ? ' ' : c;
  }
  return text;
}

bool is_claimless(const std::string& path) {
  return std::ranges::any_of(kClaimless, [&](std::string_view known) {
    return known.ends_with('.') ? path.starts_with(known) : path == known;
  });
}

std::string row(std::string_view name, const std::string& value) {
  return fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", name, value);
}

std::string figure(std::string_view name, const std::string& value, std::string_view note,
                   std::string_view style = "") {
  return fmt::format("<div{}><dt>{}</dt><dd>{}</dd><dd class=\"small\">{}</dd></div>\n", style, name, value, note);
}

}  // namespace

std::string banner(const HtmlReport& report, const CertificateFields* fields) {
  const std::string stamp = fields != nullptr ? fields->html("stamp", "strong")
                                              : fmt::format("<strong>{}{}</strong>", kStamp,
                                                            html_escaped(reason_not_private(report).value_or("")));
  return fmt::format(
      "<div class=\"banner\" role=\"alert\">\n{}\n<p>No privacy guarantee may be quoted for this run. Whoever sees its "
      "model may learn about single records, and nothing bounds how much.</p>\n</div>\n",
      stamp);
}

std::string guarantee(const HtmlReport& report, const CertificateFields& fields) {
  const privacy::Certificate& certificate = *report.certificate;
  std::string text =
      "<section aria-labelledby=\"guarantee\">\n<h2 id=\"guarantee\">Guarantee</h2>\n<dl class=\"figures\">\n";
  text += figure("epsilon", fields.html("planned.epsilon"), "upper bound, rounded up");
  text += figure("delta", fields.html("planned.delta"), "");
  text += figure("planned steps", fields.html("planned.steps"), fields.html("executed.steps") + " executed");
  text += figure("unit of privacy", "one " + fields.html("unit"), "neighbours: " + fields.html("adjacency"));
  text += "</dl>\n";
  if (fields.contains("group")) text += fmt::format("<p>A group is {}.</p>\n", fields.html("group"));
  if (certificate.executed.steps != certificate.planned.steps)
    text += fmt::format(
        "<p>{} of {} planned steps were executed. For these the figure is epsilon {} at delta {}, which may {} "
        "{}.</p>\n",
        fields.html("executed.steps"), fields.html("planned.steps"), fields.html("executed.epsilon"),
        fields.html("executed.delta"),
        certificate.stopped_after_evaluations ? "not be quoted; it is valid" : "be quoted only if",
        fields.html("executed.valid_only_if"));
  const bool over = certificate.executed.steps == certificate.planned.steps || certificate.stopped_after_evaluations;
  if (report.charged_after > 0)
    text += fmt::format(
        "<p>The run went on for {} steps after this certificate was written: nothing here tells of "
        "them.</p>\n",
        report.charged_after);
  if (!over)
    text +=
        "<p>The run is not finished, and nothing may be quoted of it yet: <code>sotto resume</code> goes on with "
        "it.</p>\n";
  return text + fmt::format("<h3>{}</h3>\n{}\n</section>\n",
                            over ? "To quote, as a whole and never in part" : "What is to be said of it so far",
                            fields.html("statement", "blockquote"));
}

std::string coverage(const CertificateFields& fields) {
  std::string text =
      "<section aria-labelledby=\"coverage\">\n<h2 id=\"coverage\">What is covered</h2>\n<div class=\"pair\">\n<div>\n"
      "<h3>Covered</h3>\n<ul>\n<li>the trained model and all its checkpoints</li>\n<li>everything else that is "
      "released from the noised gradient sums of this run</li>\n<li>whatever is computed from these and from public "
      "data alone</li>\n";
  if (fields.contains("evaluations.planned"))
    text += "<li>the noisy metrics of private records that the planned evaluations release</li>\n";
  text += "</ul>\n</div>\n<div>\n<h3>Not covered</h3>\n<ul>\n";
  for (const CertificateField& field : fields.all())
    if (field.path.starts_with("not_covered.")) text += fields.html(field.path, "li") + "\n";
  return text + "</ul>\n</div>\n</div>\n</section>\n";
}

std::string noise_and_signal(const HtmlReport& report, const CertificateFields& fields) {
  const privacy::Certificate& c = *report.certificate;
  const NoiseRatio noise =
      noise_ratio(c.adaptive_clipping ? c.adaptive_clipping->gradient_noise_multiplier : c.noise_multiplier,
                  c.weight_rule_bound, c.expected_batch_size, report.trained_parameters);
  const std::string multiplier = fields.html(c.adaptive_clipping ? "adaptive_clipping.gradient_noise_multiplier"
                                                                 : "noise_multiplier"),
                    bound = fields.html("weight_rule.bound"), batch = fields.html("expected_batch_size");
  const std::string parameters = fmt::format("{}", report.trained_parameters);
  std::string text = fmt::format(
      "<section aria-labelledby=\"noise\">\n<h2 id=\"noise\">Noise and signal</h2>\n<p>A step releases the mean of "
      "clipped gradients with noise: the sum of the contributions of the batch, each of norm at most {}, plus {} "
      "noise, divided by the expected batch size {}.{}</p>\n<table class=\"settings\">\n<caption>Of one step; rounded "
      "to four digits</caption>\n<thead><tr><th scope=\"col\">what</th><th "
      "scope=\"col\">size</th></tr></thead>\n<tbody>\n",
      bound, c.lattice ? "discrete Gaussian" : "normal", batch,
      c.adaptive_clipping
          ? " Norms and noise are in units of the clip norm of the step, which moves; the noise is what "
            "the count of records below it leaves of the noise multiplier."
          : "");
  text += row("noise: standard deviation of one coordinate of that mean",
              fmt::format("{} \u00d7 {} / {} = {:.4g}", multiplier, bound, batch, noise.deviation));
  if (report.trained_parameters > 0)
    text += row(fmt::format("noise: norm over all {} trained parameters, root mean square", parameters),
                fmt::format("\u221a{} \u00d7 {:.4g} = {:.4g}", parameters, noise.deviation, noise.norm));
  text += row("signal: the largest norm of the mean of clipped gradients, for a batch of the expected size", bound);
  if (report.trained_parameters > 0)
    text += row("noise over the largest signal", fmt::format("{:.4g} / {} = {:.4g}", noise.norm, bound, noise.ratio));
  return text +
         "</tbody>\n</table>\n<p class=\"note\">The mean has that norm when all records of the batch have "
         "contributions of "
         "the largest norm in one direction. Those of real records point in different ways: the true norm is smaller, "
         "and is not shown, for it would tell of private records. A ratio above 1 does not mean that nothing is "
         "learnt: the noise is drawn anew in every step and lies in all directions alike, while gradients agree on a "
         "few directions, step after step.</p>\n</section>\n";
}

std::string whole_certificate(const HtmlReport& report, const CertificateFields& fields) {
  const bool claims = !reason_not_private(report);
  std::string text =
      "<section aria-labelledby=\"certificate\">\n<h2 id=\"certificate\">Certificate</h2>\n<table class=\"settings\">\n"
      "<caption>The values of certificate.json, in its text</caption>\n"
      "<thead><tr><th scope=\"col\">what</th><th scope=\"col\">value</th></tr></thead>\n<tbody>\n";
  for (const CertificateField& field : fields.all()) {
    if (claims ? field.path == "statement" || field.path.starts_with("not_covered.") : !is_claimless(field.path))
      continue;
    text += row(html_escaped(label(field.path)), fields.html(field.path));
  }
  return text + "</tbody>\n</table>\n</section>\n";
}

std::string repetition(const HtmlReport& report) {
  return fmt::format(
      "<section aria-labelledby=\"repeat\">\n<h2 id=\"repeat\">To repeat the run</h2>\n<div class=\"command\">\n"
      "<pre id=\"command\"><code>{}</code></pre>\n<button type=\"button\" class=\"copy\" data-copy=\"command\" "
      "hidden=\"hidden\">Copy</button>\n</div>\n<p class=\"note\">{}</p>\n</section>\n",
      html_escaped(report.command),
      reason_not_private(report)
          ? "Its options are settings: a budget that it names was asked for, and holds for nothing in this run."
          : "It draws new keys, and trains another model. On the same records it spends its budget once more: what "
            "both runs spent adds up.");
}

std::string files(const HtmlReport& report) {
  if (report.files.empty()) return "";
  std::string text =
      "<section aria-labelledby=\"files\">\n<h2 id=\"files\">Files</h2>\n<table class=\"files\">\n<caption>The folder "
      "of the run when this report was written; sha256sum computes the same</caption>\n"
      "<thead><tr><th scope=\"col\">file</th><th scope=\"col\">SHA-256</th></tr></thead>\n<tbody>\n";
  for (const ReportFile& file : report.files)
    text += fmt::format("<tr><th scope=\"row\">{}</th><td class=\"hash\">{}</td></tr>\n", html_escaped(file.name),
                        file.sha256);
  return text + "</tbody>\n</table>\n</section>\n";
}

}  // namespace sotto::tools
