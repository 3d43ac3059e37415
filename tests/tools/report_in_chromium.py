"""report.html in headless Chromium: what a reader gets is what the certificate says, and nothing complains.

    report_in_chromium.py WRITE_REPORT [--pictures FOLDER]

Makes reports of every kind of run with the program of write_report.cpp. Each must load without a message, a script error or
a request; every element with data-field must hold the text of certificate.json; the page must fit a phone and be readable in
both schemes. Then it plants faults in a report, each of which must be noticed. Exits with 77 where no Chromium is installed.
"""

import base64
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from chromium_page import PROGRAMS, Chromium, find_chromium

PRIVATE = ("private", "stopped", "group", "error", "long")
KINDS = PRIVATE + ("not_private", "without_privacy")
UNCLAIMED = re.compile(r"epsilon|delta|valid_only_if|^not_covered|^randomness")
LEAST_CONTRAST = 4.5  # Web Content Accessibility Guidelines 2.2, 1.4.3, for text of any size

FIELDS = "[...document.querySelectorAll('[data-field]')].map(e => [e.dataset.field, e.textContent])"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
WORDS_WITHOUT_COMMAND = """(() => { for (const d of document.querySelectorAll('details')) d.open = true;
    const copy = document.documentElement.cloneNode(true); copy.querySelector('#command').remove();
    for (const e of copy.querySelectorAll('style, script')) e.remove(); return copy.outerHTML; })()"""
COPY = """(async () => { const b = document.querySelector('button.copy'); if (b.hidden) return 'hidden'; b.click();
    for (let i = 0; i !== 100 && b.textContent === 'Copy'; ++i) await new Promise(r => setTimeout(r, 20));
    return b.textContent; })()"""
# [contrast, text] of every piece of text that is less readable than it should be.
FAINT = """(() => {
  const rgb = text => text.match(/[0-9.]+/g).map(Number);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => v / 255).map(
      v => v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  const faint = [];
  for (const e of document.body.querySelectorAll('*')) {
    const text = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join('').trim();
    if (!text || !e.getClientRects().length || ['SCRIPT', 'STYLE'].includes(e.tagName)) continue;
    const style = getComputedStyle(e), ink = light(rgb(e.ownerSVGElement ? style.fill : style.color)), paper = light(ground(e));
    const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (contrast < LEAST) faint.push([contrast, text.slice(0, 40)]);
  }
  return faint; })()""".replace("LEAST", str(LEAST_CONTRAST))
UNTOLD = """(() => {
  const wrong = [];
  if (!document.documentElement.lang) wrong.push('no lang');
  if (document.compatMode !== 'CSS1Compat') wrong.push('quirks mode');
  if (!document.title) wrong.push('no title');
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
  let before = 0;
  for (const h of document.querySelectorAll('h1, h2, h3')) { const level = Number(h.tagName[1]);
    if (level > before + 1) wrong.push('heading ' + h.textContent + ' skips a level'); before = level; }
  for (const h of document.querySelectorAll('th')) if (!h.scope) wrong.push('th without scope: ' + h.textContent);
  for (const t of document.querySelectorAll('table')) if (!t.caption) wrong.push('table without caption');
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  if (new Set(ids).size !== ids.length) wrong.push('an id twice');
  for (const e of document.querySelectorAll('[aria-labelledby]'))
    for (const id of e.getAttribute('aria-labelledby').split(' '))
      if (!document.getElementById(id)?.textContent) wrong.push('nothing tells of ' + id);
  for (const s of document.querySelectorAll('svg.chart'))
    if (s.getAttribute('role') !== 'img' || !s.querySelector(':scope > title') || !s.querySelector(':scope > desc'))
      wrong.push('a picture without words');
  return wrong; })()"""


def flattened(value, path=""):
    """{path: text} of JSON whose numbers were read as text."""
    if isinstance(value, (dict, list)):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        return {p: t for key, member in members for p, t in flattened(member, f"{path}.{key}" if path else str(key)).items()}
    return {path: {True: "true", False: "false", None: "null"}[value] if isinstance(value, (bool, type(None))) else value}


def faults(browser, page, certificate):
    """What is wrong with the page, as sentences; none for a good one."""
    browser.show(1280, 900)
    browser.open(page)
    found = []
    fields = browser.evaluate(FIELDS)
    said = flattened(json.loads(certificate.read_text(), parse_float=str, parse_int=str)) if certificate.exists() else {}
    for path, text in fields:
        if path not in said:
            found.append(f"the certificate has no {path}")
        elif text != said[path]:
            found.append(f"{path} is {said[path]!r} in the certificate and {text!r} in the page")
    is_private = said.get("private") == "true"
    shown = {path for path, _ in fields}
    for path in said:
        if path not in shown and (is_private or not UNCLAIMED.search(path)):
            found.append(f"{path} is not in the page")
    if not is_private:
        found += [f"a run that is NOT PRIVATE shows {path}" for path in shown if UNCLAIMED.search(path)]
        if re.search("epsilon|ε", browser.evaluate(WORDS_WITHOUT_COMMAND), re.IGNORECASE):
            found.append("a run that is NOT PRIVATE tells of an epsilon")
        if not browser.evaluate("document.body.innerText.trimStart().startsWith('NOT PRIVATE: ')"):
            found.append("NOT PRIVATE is not the first that the page says")
    found += browser.evaluate(UNTOLD)
    if (answer := browser.evaluate(COPY)) not in ("Copied", "Selected"):
        found.append(f"the button to copy says {answer}")
    browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    for width in (320, 390, 1280):
        for scheme in ("light", "dark"):
            browser.show(width, 900, scheme)
            if (excess := browser.evaluate(OVERFLOW)) > 0:
                found.append(f"the page is {excess} pixels wider than a screen of {width}")
            found += [f"contrast {contrast:.2f} of '{text}', {scheme}" for contrast, text in browser.evaluate(FAINT)]
    return found + browser.complaints()


def planted(page):
    """(what it is, the page with this fault, what must be said of it) for each fault."""
    def with_end(markup):
        return page.replace("</body>", markup + "</body>", 1)

    def with_other(old, new):
        return page.replace(old, new, 1)

    def with_script(more):
        """One that the policy allows."""
        old = re.search("<script>(.*)</script>", page, re.DOTALL)[1]
        sums = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (old, old + more)]
        return page.replace(old, old + more).replace(*sums)

    refused = "violates the following Content Security Policy|log: .*blocked"
    yield "another digit", re.sub(r'(data-field="planned.epsilon">)2', r"\g<1>1", page, count=1), "planned.epsilon is '2"
    yield "a blank in a number", with_other('data-field="sampling_rate">', 'data-field="sampling_rate"> '), "sampling_rate is"
    yield "a field left out", page.replace('data-field="ledger.head_hash"', ""), "ledger.head_hash is not in the page"
    yield "a field made up", with_other('data-field="clip_norm"', 'data-field="clip_norms"'), "has no clip_norms"
    yield "a script", with_end("<script>1</script>"), refused
    yield "an attribute that is a script", with_other("<main>", '<main onclick="1">'), refused
    yield "a style", with_end('<p style="color:red">x</p>'), refused
    yield "a picture from elsewhere", with_end('<img alt="" src="https://sotto.invalid/x.png"/>'), refused
    yield "a changed script", with_other("button.hidden = false;", "button.hidden = true;"), "button to copy says hidden"
    yield "a picture without words", with_other('role="img"', ""), "a picture without words"
    yield "a wide text", with_end("<pre>" + "x" * 400 + "</pre>"), "wider than a screen"
    yield "a faint text", with_end('<p><font color="#b0b0b0">faint</font></p>'), "contrast .* of 'faint', light"
    yield "a script that throws", with_script("throw Error('planted')"), "script: .*planted"
    yield "a message on the console", with_script("console.info('planted')"), "console: .*planted"


def save_pictures(browser, page, folder, kind):
    browser.open(page)
    for name, width, scheme in (("desktop", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "light")):
        browser.show(width, 900, scheme)
        data = browser.call("Page.captureScreenshot", {"captureBeyondViewport": True})["data"]
        (folder / f"{kind}-{name}.png").write_bytes(base64.b64decode(data))
    paper = browser.call("Page.printToPDF", {"printBackground": True})["data"]
    (folder / f"{kind}.pdf").write_bytes(base64.b64decode(paper))


def main(program, pictures=None):
    if (chromium := find_chromium()) is None:
        print(f"SKIPPED: no Chromium is installed ({', '.join(PROGRAMS)}); on Debian: apt-get install chromium")
        return 77
    bad = 0
    with tempfile.TemporaryDirectory() as scratch, Chromium(chromium) as browser:
        for kind in KINDS:
            folder = pathlib.Path(scratch, kind)
            folder.mkdir()
            page = folder / "report.html"
            subprocess.run([program, "inputs", kind, folder], check=True)
            subprocess.run([program, "report", folder, page], check=True)
            found = faults(browser, page, folder / "certificate.json")
            print(f"{kind}: {'; '.join(found) if found else 'good'}", flush=True)
            bad += len(found)
            if pictures:
                save_pictures(browser, page, pathlib.Path(pictures), kind)
        folder = pathlib.Path(scratch, "private")
        good = (folder / "report.html").read_text()
        for what, text, expected in planted(good):
            page = folder / "planted.html"
            page.write_text(text)
            found = faults(browser, page, folder / "certificate.json") if text != good else []
            noticed = [fault for fault in found if re.search(expected, fault)]
            print(f"planted, {what}: {noticed[0] if noticed else 'NOT NOTICED, but ' + str(found)}", flush=True)
            bad += not noticed
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4) or (len(sys.argv) == 4 and sys.argv[2] != "--pictures"):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], *sys.argv[3:]))
