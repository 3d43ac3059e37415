#pragma once
// The style sheet of html_page.h. No character that HTML and XML read differently: no <, no &.

#include <string_view>

namespace sotto::tools {

inline constexpr std::string_view kHtmlStyle = R"css(
:root {
  --paper: #ffffff; --panel: #f5f6f8; --ink: #1b1f24; --soft: #59626d; --rule: #d9dde3;
  --first: #0b5fa5; --second: #b4480a; --third: #3f7d20; --grid: #e4e7ec;
  --alarm: #b3111c; --on-alarm: #ffffff; --warn: #fdf0d5; --on-warn: #5c3a00; --warn-rule: #d99a2b;
  color-scheme: light dark;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --panel: #1d2127; --ink: #e6e9ed; --soft: #a3adb9; --rule: #363c45;
    --first: #6cb2f0; --second: #f2a065; --third: #93cf74; --grid: #2a3038;
    --alarm: #b3111c; --on-alarm: #ffffff; --warn: #3a2c10; --on-warn: #f6d899; --warn-rule: #a87820;
  }
}
* { box-sizing: border-box; }
html { font: 100%/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word; }
main, header, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
footer { margin-top: 3rem; padding-top: 1rem; padding-bottom: 2.5rem; color: var(--soft); font-size: .875rem; }
p, ul, blockquote { max-width: 44rem; }
h1, h2, h3 { line-height: 1.2; text-wrap: balance; }
h1 { font-size: clamp(1.6rem, 1.2rem + 2vw, 2.3rem); margin: .15rem 0 1rem; letter-spacing: -.015em;
  overflow-wrap: anywhere; white-space: pre-wrap; }
h2 { font-size: 1.3rem; margin: 3rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
.kind { margin: 0; color: var(--soft); font-size: .875rem; letter-spacing: .04em; }
.note, caption { color: var(--soft); font-size: .9rem; }
code, pre, .hash { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: .875em; }
.banner { background: var(--alarm); color: var(--on-alarm); border-radius: .5rem; padding: 1rem 1.25rem; margin: 0 0 1.25rem;
  max-width: none; }
.banner p { margin: .35rem 0 0; max-width: 48rem; }
.banner strong { display: block; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere; white-space: pre-wrap; }
.stamp { display: inline-block; border: 1px solid var(--warn-rule); border-radius: .25rem; background: var(--warn);
  color: var(--on-warn); font-size: .8rem; font-weight: 600; line-height: 1.3; padding: .15rem .45rem; }
.public { border-color: var(--rule); background: var(--panel); color: var(--ink); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1rem 0; padding: 0; }
.figures div { background: var(--panel); border-radius: .5rem; padding: .8rem 1rem; display: flex; flex-direction: column; }
.figures dt { color: var(--soft); font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.65rem; line-height: 1.25; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.figures dd.long { font-size: 1.15rem; line-height: 1.5; }
.figures .small { display: block; margin-top: .2rem; color: var(--soft); font-size: .85rem; line-height: 1.35; }
blockquote { margin: 1rem 0; padding: .25rem 0 .25rem 1.1rem; border-left: .25rem solid var(--first); white-space: pre-wrap;
  overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; }
li { margin: .3rem 0; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 0 2rem; align-items: start; }
.pair h3 { margin-top: .5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; margin: .75rem 0; }
caption { text-align: left; padding-bottom: .35rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0; border-bottom: 1px solid var(--rule);
  overflow-wrap: anywhere; }
td { white-space: pre-wrap; }
th { font-weight: 600; }
tbody th { font-weight: 400; color: var(--soft); width: 36%; }
.values { width: auto; min-width: 60%; }
.values th, .values td { padding-right: 1.25rem; width: auto; overflow-wrap: break-word; }
.values td { text-align: right; }
.values thead th + th { text-align: right; }
.files th { width: auto; color: var(--ink); padding-right: 1.5rem; }
figure.chart { margin: 1rem 0; min-width: 0; }
figcaption { font-weight: 600; }
svg.chart { display: block; width: 100%; max-width: 36rem; height: auto; margin: .25rem 0; }
svg text { fill: var(--soft); font-size: 13px; }
svg .axis { fill: var(--ink); }
svg .grid { stroke: var(--grid); }
svg .base { stroke: var(--soft); }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .dashed { stroke-dasharray: 5 4; }
svg line.series0, svg polyline.series0 { stroke: var(--first); }
svg line.series1, svg polyline.series1 { stroke: var(--second); }
svg line.series2, svg polyline.series2 { stroke: var(--third); }
.series0 .dot { fill: var(--first); }
.series1 .dot { fill: var(--second); }
.series2 .dot { fill: var(--third); }
svg .reach { fill: transparent; }
.point:hover .dot { stroke: var(--ink); stroke-width: 2; r: 5; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; padding: 0; margin: .2rem 0; font-size: .9rem; }
.legend svg { width: 1.75rem; height: .65rem; margin-right: .45rem; }
details { overflow-x: auto; }
summary { cursor: pointer; color: var(--first); }
:focus-visible { outline: 2px solid var(--first); outline-offset: 2px; }
.command { position: relative; }
.command pre { margin: .75rem 0; padding: 1rem 1.1rem; background: var(--panel); border-radius: .5rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.copy { font: inherit; font-size: .875rem; color: var(--ink); background: var(--paper); border: 1px solid var(--rule);
  border-radius: .35rem; padding: .3rem .8rem; cursor: pointer; }
@media (max-width: 34rem) {
  html { font-size: 95%; }
  header { padding-top: 1.5rem; }
  h2 { margin-top: 2.25rem; }
  svg text { font-size: 16px; }
  .figures { grid-template-columns: 1fr 1fr; }
  .figures .wide { grid-column: 1 / -1; }
  tbody th { width: 40%; }
  .values { font-size: .92rem; }
  .values th, .values td { padding-right: .7rem; }
  .files tbody th { width: 36%; }
}
@media print {
  html { font-size: 10pt; }
  body { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  main, header, footer { max-width: none; padding-left: 0; padding-right: 0; }
  header { padding-top: 0; }
  h2, h3, figcaption, caption { break-after: avoid; }
  tr, figure.chart svg, .figures div, .banner, blockquote { break-inside: avoid; }
  .copy, summary { display: none; }
  details { overflow: visible; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
)css";

}  // namespace sotto::tools
